// Running the rules: the loop of adam_course/descent.py, and the Python that repeats it.

/** The powers of a number, one after another, each rounded once as a library's pow is. */
class Powers {
  constructor(base) {
    this.base = base;
    this.high = 1;
    this.low = 0;
  }

  /** The next power: base, base², ...  The product is kept in two numbers (Dekker's). */
  next() {
    const { high: a, low, base: b } = this;
    const product = a * b;
    const [a1, a2] = halves(a);
    const [b1, b2] = halves(b);
    const error = a2 * b2 - (product - a1 * b1 - a2 * b1 - a1 * b2) + low * b;
    this.high = product + error;
    this.low = error - (this.high - product);
    return this.high;
  }
}

function halves(a) {
  const c = 134217729 * a; // 2^27 + 1
  const high = c - (c - a);
  return [high, a - high];
}

/** What every rule of a race sees at step t: noise and what is left out, for both coordinates. */
function disturbances({ noise, sparsity, seed, steps }) {
  if (!noise && !sparsity) return null;
  const z = new Float64Array(2 * steps);
  const present = new Uint8Array(2 * steps).fill(1);
  for (let t = 1; t <= steps; t += 1) {
    for (let i = 0; i < 2; i += 1) {
      const k = 2 * (t - 1) + i;
      if (noise) z[k] = noise * standardNormal(seed, t, i);
      if (sparsity) present[k] = uniform(seed, t, i, 0) >= sparsity ? 1 : 0;
    }
  }
  return { z, present, noisy: Boolean(noise) };
}

/**
 * One run in two dimensions.  Arrays have two numbers a step, x and y; row 0 of x and loss is
 * the start, row 0 of the others belongs to step 1.  A run whose loss or gradient is no longer
 * finite ends there: `divergedAt` is its step, and -1 for never.
 */
function descend({ rule, settings, landscape, start, steps, disturbance = null }) {
  const how = RULES[rule];
  const x = new Float64Array(2 * (steps + 1));
  const loss = new Float64Array(steps + 1);
  const kept = {};
  for (const name of ["mHat", "vRoot", "rate"]) {
    if (how[name]) kept[name] = new Float64Array(2 * steps);
  }
  const memory = [0, 1].map(() => {
    const s = {};
    for (const name of how.memory) s[name] = 0;
    if (how.start) how.start(s, settings);
    return s;
  });
  const beta1 = new Powers(settings.beta1 ?? 0);
  const beta2 = new Powers(settings.beta2 ?? 0);
  const p = { t: 0, beta1: 1, beta2: 1 };
  [x[0], x[1]] = start;
  let last = steps;
  let divergedAt = -1;
  for (let t = 0; t <= steps; t += 1) {
    const here = [x[2 * t], x[2 * t + 1]];
    loss[t] = landscape.value(...here);
    const g = t < steps ? landscape.gradient(...here) : [0, 0];
    if (disturbance && t < steps) {
      for (let i = 0; i < 2; i += 1) {
        if (disturbance.noisy) g[i] += disturbance.z[2 * t + i];
        if (!disturbance.present[2 * t + i]) g[i] = 0;
      }
    }
    if (!Number.isFinite(loss[t]) || !Number.isFinite(g[0]) || !Number.isFinite(g[1])) {
      loss[t] = Infinity;
      divergedAt = t;
      last = t;
      break;
    }
    if (t === steps) break;
    p.t = t + 1;
    p.beta1 = beta1.next();
    p.beta2 = beta2.next();
    for (let i = 0; i < 2; i += 1) {
      const k = 2 * t + i;
      x[k + 2] = how.update(here[i], g[i], memory[i], settings, p);
      for (const name in kept) kept[name][k] = how[name](memory[i], settings, p);
    }
  }
  return { rule, settings, start, x, loss, ...kept, last, divergedAt };
}

/** The hyperparameters of a rule in a state: its own, else those that all share, else defaults. */
function settingsOf(state, rule) {
  const own = state.settings[rule] ?? {};
  const settings = {};
  for (const [name, byDefault] of Object.entries(RULE_DATA[rule])) {
    settings[name] = own[name] ?? state[name] ?? byDefault;
  }
  return settings;
}

/** The race that a state describes: a run for each rule. */
function race(state) {
  const landscape = landscapeOf(state);
  const disturbance = disturbances(state);
  return state.rules.map((rule) =>
    descend({
      rule,
      settings: settingsOf(state, rule),
      landscape,
      start: state.start,
      steps: state.steps,
      disturbance,
    }),
  );
}

/** The lines of Python that repeat a race with the package. */
function pythonFor(state) {
  const quadratic = state.landscape === "quadratic";
  const disturbed = state.noise || state.sparsity;
  const names = [...state.rules, "minimize", state.landscape];
  if (disturbed) names.push("NoisyGradient");
  // As a formatter would sort them: constants, classes, functions.
  const rank = (name) => (/^[A-Z]+$/.test(name) ? 0 : /^[A-Z]/.test(name) ? 1 : 2);
  names.sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
  const lines = [`from adam_course import ${names.join(", ")}`, ""];
  lines.push(
    quadratic
      ? `landscape = quadratic(condition=${state.condition}, rotation=${state.rotation})`
      : `landscape = ${state.landscape}`,
  );
  if (disturbed) {
    lines.push(
      `gradient = NoisyGradient(landscape, noise=${state.noise}, ` +
        `sparsity=${state.sparsity}, seed=${state.seed})`,
    );
  }
  lines.push("optimizers = [");
  for (const rule of state.rules) {
    const settings = Object.entries(settingsOf(state, rule));
    lines.push(`    ${rule}(${settings.map(([name, value]) => `${name}=${value}`).join(", ")}),`);
  }
  lines.push("]");
  const gradient = disturbed ? ", gradient=gradient" : "";
  lines.push(
    "for opt in optimizers:",
    `    path = minimize(landscape, opt, start=(${state.start.join(", ")}), ` +
      `steps=${state.steps}${gradient})`,
    "    print(path, path.x[-1])",
  );
  return lines.join("\n");
}
