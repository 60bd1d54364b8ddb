// Drawing on a canvas.  Everything is drawn dark on white; on a dark page the style sheet
// turns the canvas over, hues kept, as it does with the book's figures.

const INK = "#2B2B2B";
const FAINT = "#8A8A8A";
const GRID = "#E6E6E6";
const MARGIN = { left: 44, right: 10, top: 20, bottom: 30 };

/** A canvas that is as sharp as the screen: {canvas, begin()} with begin() giving a context. */
function drawing(label) {
  const canvas = element("canvas", { role: "img", "aria-label": label });
  return {
    canvas,
    begin() {
      const { clientWidth: width, clientHeight: height } = canvas;
      const ratio = globalThis.devicePixelRatio || 1;
      if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
        canvas.width = Math.round(width * ratio);
        canvas.height = Math.round(height * ratio);
      }
      const context = canvas.getContext("2d");
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      context.fillStyle = "#fff";
      context.fillRect(0, 0, width, height);
      context.font = "12px system-ui, sans-serif";
      return { context, width, height };
    },
  };
}

/** A scale from values to pixels, linear or logarithmic. */
function axis(low, high, from, to, log = false) {
  const f = log ? Math.log10 : (value) => value;
  const a = f(low);
  const span = f(high) - a || 1;
  const scale = (value) => from + ((f(value) - a) / span) * (to - from);
  return Object.assign(scale, { low, high, from, to, log });
}

/** Where an axis has its ticks, and what stands there. */
function ticks({ low, high, log, from, to }) {
  const room = Math.abs(to - from);
  if (log) {
    const first = Math.ceil(Math.log10(low) - 1e-9);
    const last = Math.floor(Math.log10(high) + 1e-9);
    const every = Math.max(1, Math.ceil((last - first + 1) / Math.max(2, room / 34)));
    const found = [];
    for (let k = first; k <= last; k += every) found.push([10 ** k, powerOfTen(k)]);
    return found;
  }
  const wanted = (high - low) / Math.max(2, room / 70);
  const size = 10 ** Math.floor(Math.log10(wanted));
  const step = [1, 2, 5, 10].map((n) => n * size).find((n) => n >= wanted);
  const found = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k += 1) {
    found.push([k * step, readable(k * step)]);
  }
  return found;
}

const SUPERSCRIPT = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };
function powerOfTen(k) {
  if (k >= 0 && k <= 2) return String(10 ** k);
  if (k === -1) return "0.1";
  return `10${[...String(k)].map((sign) => SUPERSCRIPT[sign]).join("")}`;
}

/** Grid, ticks and titles around a plot. */
function frame({ context, width, height }, x, y, { title, xLabel }) {
  context.strokeStyle = GRID;
  context.lineWidth = 1;
  context.fillStyle = INK;
  context.textAlign = "center";
  context.textBaseline = "top";
  for (const [value, text] of ticks(x)) {
    line(context, x(value), y.from, x(value), y.to);
    context.fillText(text, x(value), y.from + 4);
  }
  if (xLabel) context.fillText(xLabel, (x.from + x.to) / 2, height - 13);
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (const [value, text] of ticks(y)) {
    line(context, x.from, y(value), x.to, y(value));
    context.fillText(text, x.from - 4, y(value));
  }
  context.textAlign = "left";
  context.textBaseline = "top";
  context.fillText(title, x.from, 3);
}

function line(context, x1, y1, x2, y2) {
  context.beginPath();
  context.moveTo(x1, y1);
  context.lineTo(x2, y2);
  context.stroke();
}

/** Draw inside the plot only. */
function inside(context, x, y, draw) {
  context.save();
  context.beginPath();
  context.rect(x.from, y.to, x.to - x.from, y.from - y.to);
  context.clip();
  draw();
  context.restore();
}

/** A line through `count` points; `at(k)` gives pixels or null where there is a gap. */
function curve(context, { color, dash }, count, at) {
  context.strokeStyle = color;
  context.lineWidth = 1.6;
  context.setLineDash(dash);
  context.lineJoin = "round";
  context.beginPath();
  let drawing = false;
  for (let k = 0; k < count; k += 1) {
    const point = at(k);
    if (!point) {
      drawing = false;
    } else if (drawing) {
      context.lineTo(point[0], point[1]);
    } else {
      context.moveTo(point[0], point[1]);
      drawing = true;
    }
  }
  context.stroke();
  context.setLineDash([]);
}

/** A rule's marker. */
function marker(context, { color, marker: shape }, x, y, size = 4) {
  context.fillStyle = color;
  context.strokeStyle = "#fff";
  context.lineWidth = 1;
  context.beginPath();
  const corners = {
    s: [[-1, -1], [1, -1], [1, 1], [-1, 1]],
    "^": [[0, -1.2], [1.1, 0.9], [-1.1, 0.9]],
    v: [[0, 1.2], [1.1, -0.9], [-1.1, -0.9]],
    D: [[0, -1.3], [1.3, 0], [0, 1.3], [-1.3, 0]],
    P: [[-0.4, -1.2], [0.4, -1.2], [0.4, -0.4], [1.2, -0.4], [1.2, 0.4], [0.4, 0.4], [0.4, 1.2],
        [-0.4, 1.2], [-0.4, 0.4], [-1.2, 0.4], [-1.2, -0.4], [-0.4, -0.4]],
    X: [[-1.2, -0.7], [-0.7, -1.2], [0, -0.5], [0.7, -1.2], [1.2, -0.7], [0.5, 0], [1.2, 0.7],
        [0.7, 1.2], [0, 0.5], [-0.7, 1.2], [-1.2, 0.7], [-0.5, 0]],
  }[shape];
  if (corners) {
    corners.forEach(([dx, dy], k) =>
      k ? context.lineTo(x + size * dx, y + size * dy) : context.moveTo(x + size * dx, y + size * dy),
    );
    context.closePath();
  } else {
    context.arc(x, y, size, 0, 2 * Math.PI);
  }
  context.fill();
  context.stroke();
}

/** The contours of a landscape, as one path, for a plot of this size (kept until it changes). */
function contours(landscape, x, y, levels = 14, points = 101) {
  const heights = new Float64Array(points * points);
  let lowest = Infinity;
  let highest = -Infinity;
  const xs = Array.from({ length: points }, (_, i) => x.low + ((x.high - x.low) * i) / (points - 1));
  const ys = Array.from({ length: points }, (_, j) => y.low + ((y.high - y.low) * j) / (points - 1));
  for (let j = 0; j < points; j += 1) {
    for (let i = 0; i < points; i += 1) {
      const height = landscape.value(xs[i], ys[j]);
      heights[j * points + i] = height;
      lowest = Math.min(lowest, height);
      highest = Math.max(highest, height);
    }
  }
  const path = new Path2D();
  // Gaps grow with the height as a square does: a bowl's contours are equally far apart.
  const level = (k) => lowest + (highest - lowest) * (k / levels) ** 2.5;
  const rank = heights.map((height) => levels * ((height - lowest) / (highest - lowest || 1)) ** 0.4);
  for (let j = 0; j + 1 < points; j += 1) {
    for (let i = 0; i + 1 < points; i += 1) {
      // Only the levels that this cell can have: few cells have any.
      const n = j * points + i;
      const a = rank[n];
      const b = rank[n + 1];
      const c = rank[n + points + 1];
      const d = rank[n + points];
      const most = Math.min(levels, Math.ceil(Math.max(a, b, c, d)));
      for (let k = Math.max(1, Math.floor(Math.min(a, b, c, d))); k <= most; k += 1) {
        cell(path, heights, points, i, j, level(k), xs, ys, x, y);
      }
    }
  }
  return path;
}

/** The piece of one contour in one cell of the grid (marching squares). */
function cell(path, heights, points, i, j, level, xs, ys, x, y) {
  const k = j * points + i;
  const corners = [heights[k], heights[k + 1], heights[k + points + 1], heights[k + points]];
  const above = corners.map((height) => height > level);
  if (above.every(Boolean) || !above.some(Boolean)) return;
  const places = [[i, j], [i + 1, j], [i + 1, j + 1], [i, j + 1]];
  const crossings = [];
  for (let side = 0; side < 4; side += 1) {
    const next = (side + 1) % 4;
    if (above[side] === above[next]) continue;
    const part = (level - corners[side]) / (corners[next] - corners[side]);
    const [i1, j1] = places[side];
    const [i2, j2] = places[next];
    crossings.push([
      x(xs[i1] + part * (xs[i2] - xs[i1])),
      y(ys[j1] + part * (ys[j2] - ys[j1])),
    ]);
  }
  for (let n = 0; n + 1 < crossings.length; n += 2) {
    path.moveTo(...crossings[n]);
    path.lineTo(...crossings[n + 1]);
  }
}
