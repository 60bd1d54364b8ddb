// The landscapes of adam_course/landscapes.py: value and gradient here, in the same order
// of operations, so that they agree in every bit; all else comes from Python as
// LANDSCAPE_DATA.

const FUNCTIONS = {
  rosenbrock: {
    value(x, y) {
      const off = y - x * x;
      return (1 - x) * (1 - x) + 100 * (off * off);
    },
    gradient(x, y) {
      const off = y - x * x;
      return [-2 * (1 - x) - 400 * x * off, 200 * off];
    },
  },
  beale: {
    value(x, y) {
      const [a, b, c] = bealeResiduals(x, y);
      return a * a + b * b + c * c;
    },
    gradient(x, y) {
      const [a, b, c] = bealeResiduals(x, y);
      return [
        2 * a * (y - 1) + 2 * b * (y * y - 1) + 2 * c * (y * y * y - 1),
        2 * a * x + 4 * b * x * y + 6 * c * x * (y * y),
      ];
    },
  },
  himmelblau: {
    value(x, y) {
      const a = x * x + y - 11;
      const b = x + y * y - 7;
      return a * a + b * b;
    },
    gradient(x, y) {
      const a = x * x + y - 11;
      const b = x + y * y - 7;
      return [4 * x * a + 2 * b, 2 * a + 4 * y * b];
    },
  },
  saddle: {
    value: (x, y) => (x * x) / 2 - (y * y) / 2 + (y * y * (y * y)) / 4,
    gradient: (x, y) => [x, y * y * y - y],
  },
  styblinski_tang: {
    value(x, y) {
      const term = (u) => u * u * (u * u) - 16 * (u * u) + 5 * u;
      return (term(x) + term(y)) / 2;
    },
    gradient(x, y) {
      const slope = (u) => 2 * (u * u * u) - 16 * u + 2.5;
      return [slope(x), slope(y)];
    },
  },
};

function bealeResiduals(x, y) {
  return [1.5 - x + x * y, 2.25 - x + x * (y * y), 2.625 - x + x * (y * y * y)];
}

/** A bowl x² + κ y², with its axes turned by an angle in degrees. */
function quadraticFunctions(condition, rotation) {
  const angle = rotation * (Math.PI / 180);
  const cos = Math.cos(angle);
  const sin = Math.sin(angle);
  const turned = (x, y, s) => (rotation ? [cos * x + s * y, cos * y - s * x] : [x, y]);
  return {
    value(x, y) {
      const [u, v] = turned(x, y, sin);
      return u * u + condition * (v * v);
    },
    gradient(x, y) {
      const [u, v] = turned(x, y, sin);
      return turned(2 * u, 2 * condition * v, -sin);
    },
  };
}

/** The landscape that a state names: {key, label, value, gradient, minima, start, window}. */
function landscapeOf(state) {
  const data = LANDSCAPE_DATA[state.landscape];
  const functions =
    state.landscape === "quadratic"
      ? quadraticFunctions(state.condition, state.rotation)
      : FUNCTIONS[state.landscape];
  return { key: state.landscape, ...data, ...functions };
}
