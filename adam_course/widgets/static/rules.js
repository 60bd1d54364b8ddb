// The rules of adam_course/optimizers.py for one coordinate, in the same order of
// operations.  A rule has
//   memory     the names of what it remembers, each starting at 0 (or as `start` says);
//   update     (x, g, s, h, p) => new x; changes the memory s; p has the step count t and
//              the powers of the betas;
//   mHat, vRoot, rate   what is shown of it: the mean gradient, the root of the mean
//              square, and what the (mean) gradient was multiplied by.
// Hyperparameters' names and defaults come from Python as RULE_DATA.

const ema = (average, value, beta) => beta * average + (1 - beta) * value;

function moments(g, s, h) {
  s.m = ema(s.m, g, h.beta1);
  s.v = ema(s.v, g * g, h.beta2);
}

const adamLooks = {
  mHat: (s, h, p) => s.m / (1 - p.beta1),
  vRoot: (s, h, p) => Math.sqrt(s.v / (1 - p.beta2)),
  rate: (s, h, p) => h.learning_rate / (Math.sqrt(s.v / (1 - p.beta2)) + h.epsilon),
};

function adamStep(x, g, s, h, p) {
  moments(g, s, h);
  const mHat = s.m / (1 - p.beta1);
  const vHat = s.v / (1 - p.beta2);
  return x - (h.learning_rate * mHat) / (Math.sqrt(vHat) + h.epsilon);
}

const squareLooks = {
  vRoot: (s) => Math.sqrt(s.v),
  rate: (s, h) => h.learning_rate / (Math.sqrt(s.v) + h.epsilon),
};

const constantRate = { rate: (s, h) => h.learning_rate };

/** RAdam's r_t, 0 where rho_t does not exceed 5. */
function rectification(h, p) {
  const rhoInf = 2 / (1 - h.beta2) - 1;
  const rho = rhoInf - (2 * p.t * p.beta2) / (1 - p.beta2);
  if (!(rho > 5)) return 0;
  return Math.sqrt(((rho - 4) * (rho - 2) * rhoInf) / ((rhoInf - 4) * (rhoInf - 2) * rho));
}

function rectifiedRate(s, h, p) {
  const r = rectification(h, p);
  if (r === 0) return h.learning_rate;
  return h.learning_rate * ((r * Math.sqrt(1 - p.beta2)) / (Math.sqrt(s.v) + h.epsilon));
}

/** NAdam's momentum coefficient of step t. */
const nadamMu = (h, t) => h.beta1 * (1 - 0.5 * Math.pow(0.96, t * h.momentum_decay));

const RULES = {
  GradientDescent: {
    memory: [],
    update: (x, g, s, h) => x - h.learning_rate * g,
    ...constantRate,
  },
  SignDescent: {
    memory: [],
    update: (x, g, s, h) => x - h.learning_rate * Math.sign(g),
    ...constantRate,
  },
  Momentum: {
    memory: ["m"],
    update(x, g, s, h) {
      s.m = h.momentum * s.m + g;
      return x - h.learning_rate * s.m;
    },
    ...constantRate,
  },
  Nesterov: {
    memory: ["m"],
    update(x, g, s, h) {
      s.m = h.momentum * s.m + g;
      return x - h.learning_rate * (g + h.momentum * s.m);
    },
    ...constantRate,
  },
  AdaGrad: {
    memory: ["v"],
    start: (s, h) => {
      s.v = h.initial_accumulator;
    },
    update(x, g, s, h) {
      s.v += g * g;
      return x - (h.learning_rate * g) / (Math.sqrt(s.v) + h.epsilon);
    },
    ...squareLooks,
  },
  RMSProp: {
    memory: ["v"],
    update(x, g, s, h) {
      s.v = ema(s.v, g * g, h.beta2);
      return x - (h.learning_rate * g) / (Math.sqrt(s.v) + h.epsilon);
    },
    ...squareLooks,
  },
  Adam: { memory: ["m", "v"], update: adamStep, ...adamLooks },
  AdamW: {
    memory: ["m", "v"],
    update: (x, g, s, h, p) => adamStep(x * (1 - h.learning_rate * h.weight_decay), g, s, h, p),
    ...adamLooks,
  },
  AMSGrad: {
    memory: ["m", "v", "v_max"],
    update(x, g, s, h, p) {
      moments(g, s, h);
      s.v_max = Math.max(s.v_max, s.v);
      const mHat = s.m / (1 - p.beta1);
      const vHat = s.v_max / (1 - p.beta2);
      return x - (h.learning_rate * mHat) / (Math.sqrt(vHat) + h.epsilon);
    },
    mHat: adamLooks.mHat,
    vRoot: (s, h, p) => Math.sqrt(s.v_max / (1 - p.beta2)),
    rate: (s, h, p) => h.learning_rate / (Math.sqrt(s.v_max / (1 - p.beta2)) + h.epsilon),
  },
  NAdam: {
    memory: ["m", "v", "mu_product"],
    start: (s) => {
      s.mu_product = 1;
    },
    update(x, g, s, h, p) {
      moments(g, s, h);
      const mu = nadamMu(h, p.t);
      const muNext = nadamMu(h, p.t + 1);
      s.mu_product *= mu;
      const vHat = s.v / (1 - p.beta2);
      let lookAhead = ((1 - mu) / (1 - s.mu_product)) * g;
      lookAhead += (muNext / (1 - s.mu_product * muNext)) * s.m;
      return x - (h.learning_rate * lookAhead) / (Math.sqrt(vHat) + h.epsilon);
    },
    ...adamLooks,
  },
  RAdam: {
    memory: ["m", "v"],
    update(x, g, s, h, p) {
      moments(g, s, h);
      return x - rectifiedRate(s, h, p) * (s.m / (1 - p.beta1));
    },
    mHat: adamLooks.mHat,
    vRoot: adamLooks.vRoot,
    rate: rectifiedRate,
  },
  AdaMax: {
    memory: ["m", "u"],
    update(x, g, s, h, p) {
      s.m = ema(s.m, g, h.beta1);
      s.u = Math.max(h.beta2 * s.u, Math.abs(g) + h.epsilon);
      return x - (h.learning_rate * (s.m / (1 - p.beta1))) / s.u;
    },
    mHat: adamLooks.mHat,
    vRoot: (s) => s.u,
    rate: (s, h) => h.learning_rate / s.u,
  },
};
