// The Explorer: a landscape, a start to grab, the rules racing from it, and everything to turn.

const EXPLORER_TRAITS = [
  "landscape", "condition", "rotation", "rules", "learning_rate", "momentum", "beta1", "beta2",
  "epsilon", "weight_decay", "settings", "noise", "sparsity", "seed", "steps", "start", "step",
  "caption",
];

const HYPERPARAMETERS = {
  learning_rate: ["Learning rate α", logarithmic(1e-5, 10)],
  momentum: ["Momentum μ", nines(3)],
  beta1: ["β₁", nines(3)],
  beta2: ["β₂", nines(5)],
  epsilon: ["ε", logarithmic(1e-12, 1)],
  weight_decay: ["Weight decay λ", linear(0, 1, 0.01)],
};

function renderExplorer({ model, el }) {
  const initial = model.initial ?? snapshot(model, EXPLORER_TRAITS);
  const tied = tie(model, EXPLORER_TRAITS, draw);
  const { state, set } = tied;
  const panels = explorerPanels(state, set);
  const controls = explorerControls(state, set);
  const time = timeControls(state, set);
  const numbers = numbersTable();
  const python = element("code", {});
  const caption = element("p", { class: "adam-caption" });
  const status = element("p", { class: "adam-status", role: "status" });
  const root = element(
    "div",
    { class: "adam-explorer", role: "group", "aria-label": "Explorer" },
    controls.what,
    panels.node,
    time.node,
    numbers.node,
    status,
    controls.how,
    element(
      "div",
      { class: "adam-keep" },
      button("Reset", () => set(structuredClone(initial))),
      model.link ? copyButton("Copy link", () => model.link()) : null,
      element(
        "details",
        {},
        element("summary", {}, "As Python"),
        element("pre", { tabindex: "0", "data-lm-suppress-shortcuts": "true" }, python),
        copyButton("Copy Python", () => python.textContent),
      ),
    ),
    caption,
  );
  el.append(root);

  let drawnFrom = "";
  let runs = [];
  function draw() {
    const { step, caption: words, ...rest } = state;
    const from = JSON.stringify(rest);
    if (from !== drawnFrom) {
      runs = race(state);
      drawnFrom = from;
      controls.show();
      python.textContent = pythonFor(state);
      const said = outcome(runs, state);
      if (status.textContent !== said) status.textContent = said;
    }
    const marked = Math.min(step, state.steps);
    panels.draw(runs, marked);
    numbers.show(runs, marked);
    time.show();
    caption.textContent = words;
  }

  const resized = new ResizeObserver(() => draw());
  resized.observe(panels.node);
  draw();
  return () => {
    resized.disconnect();
    time.stop();
    tied.stop();
    root.remove();
  };
}

function snapshot(model, names) {
  return Object.fromEntries(names.map((name) => [name, structuredClone(model.get(name))]));
}

/** In words: who diverged, and who is lowest at the end. */
function outcome(runs, state) {
  if (!runs.length) return "Choose a rule to see it run.";
  const lost = runs.filter((run) => run.divergedAt >= 0);
  const said = lost.map((run) => `${run.rule} diverged at step ${run.divergedAt}.`);
  const left = runs.filter((run) => run.divergedAt < 0);
  if (left.length) {
    const best = left.reduce((a, b) => (b.loss[b.last] < a.loss[a.last] ? b : a));
    const first = left.length > 1 ? "Lowest" : "Loss";
    const name = left.length > 1 ? `: ${best.rule}, loss` : "";
    said.push(`${first} after ${state.steps} steps${name} ${readable(best.loss[best.last])}.`);
  }
  return said.join(" ");
}

/** What races where, and how it is set. */
function explorerControls(state, set) {
  const landscape = choice({
    label: "Landscape",
    options: Object.entries(LANDSCAPE_DATA).map(([key, { label }]) => [key, label]),
    chosen: (key) => set({ landscape: key, start: [...LANDSCAPE_DATA[key].start], step: 0 }),
  });
  const shape = [
    ["condition", slider({ label: "Condition number κ", scale: logarithmic(1, 1e4), turned: (condition) => set({ condition }) })],
    ["rotation", slider({ label: "Turned by (degrees)", scale: linear(-90, 90, 1), turned: (rotation) => set({ rotation }) })],
  ];
  const boxes = Object.keys(RULE_DATA).map((rule) => {
    const box = element("input", {
      type: "checkbox",
      "data-lm-suppress-shortcuts": "true",
      onchange() {
        const chosen = boxes.filter(([, { checked }]) => checked).map(([name]) => name);
        set({ rules: chosen });
      },
    });
    return [rule, box];
  });
  const rules = element(
    "fieldset",
    { class: "adam-rules" },
    element("legend", {}, "Rules"),
    ...boxes.map(([rule, box]) => element("label", {}, box, swatch(rule), ` ${rule}`)),
  );

  let scope = "";
  const own = button("Same as all", () => {
    const { [scope]: dropped, ...settings } = state.settings;
    set({ settings });
  });
  const scopes = choice({
    label: "Settings of",
    options: [],
    chosen(rule) {
      scope = rule;
      show();
    },
  });
  const sliders = Object.entries(HYPERPARAMETERS).map(([name, [label, scale]]) => [
    name,
    slider({
      label,
      scale,
      turned(value) {
        if (!scope) set({ [name]: value });
        else set({ settings: { ...state.settings, [scope]: { ...state.settings[scope], [name]: value } } });
      },
    }),
  ]);
  const run = [
    ["noise", slider({ label: "Noise on gradients", scale: linear(0, 10, 0.05), turned: (noise) => set({ noise }) })],
    ["sparsity", slider({ label: "Gradients left out", scale: linear(0, 0.99, 0.01), turned: (sparsity) => set({ sparsity }) })],
    ["steps", slider({ label: "Steps", scale: whole(10, 2000), turned: (steps) => set({ steps, step: Math.min(state.step, steps) }) })],
  ];

  function show() {
    landscape.show(state.landscape);
    for (const [name, control] of shape) {
      control.node.hidden = state.landscape !== "quadratic";
      control.show(state[name]);
    }
    for (const [rule, box] of boxes) box.checked = state.rules.includes(rule);
    if (!state.rules.includes(scope)) scope = "";
    scopes.fill([
      ["", "all rules"],
      ...state.rules.map((rule) => [rule, state.settings[rule] ? `${rule} (its own)` : rule]),
    ]);
    scopes.show(scope);
    own.hidden = !state.settings[scope];
    const shown = scope ? [scope] : state.rules;
    for (const [name, control] of sliders) {
      control.node.hidden = !shown.some((rule) => name in RULE_DATA[rule]);
      control.show(scope ? (settingsOf(state, scope)[name] ?? 0) : state[name]);
    }
    for (const [name, control] of run) control.show(state[name]);
  }

  return {
    what: element("div", { class: "adam-what" }, landscape.node, ...shape.map(([, { node }]) => node), rules),
    how: element(
      "div",
      { class: "adam-how" },
      element("div", { class: "adam-scope" }, scopes.node, own),
      ...sliders.map(([, { node }]) => node),
      ...run.map(([, { node }]) => node),
    ),
    show,
  };
}

/** A rule's line and marker, as in the panels. */
function swatch(rule) {
  const { canvas, begin } = drawing("");
  canvas.className = "adam-swatch";
  canvas.removeAttribute("role");
  canvas.removeAttribute("aria-label");
  canvas.setAttribute("aria-hidden", "true");
  requestAnimationFrame(() => {
    const { context, width, height } = begin();
    curve(context, STYLES[rule], 2, (k) => [k * width, height / 2]);
    marker(context, STYLES[rule], width / 2, height / 2);
  });
  return canvas;
}

/** The four panels, tied by the marked step, and the start to grab. */
function explorerPanels(state, set) {
  const map = drawing("Map of the landscape and the way each rule takes; the table has the numbers");
  const loss = drawing("Loss over steps; the table has the numbers");
  const rate = drawing("Effective learning rate of each coordinate over steps");
  const moments = drawing("Size of the mean gradient against the root of the mean square");
  const handle = element("button", {
    type: "button",
    class: "adam-handle",
    role: "slider",
    "data-lm-suppress-shortcuts": "true",
    onkeydown: moveByKey,
    onpointerdown: grab,
    onpointermove: drag,
    onpointerup: release,
    onpointercancel: release,
  });
  const place = element("div", { class: "adam-map" }, map.canvas, handle);
  map.canvas.addEventListener("click", (event) => moveTo(event));
  let x = null;
  let y = null;
  let held = false;
  const kept = { key: "", path: null };

  function moveTo(event) {
    const box = map.canvas.getBoundingClientRect();
    const at = (scale, pixel) =>
      rounded(scale.low + ((pixel - scale.from) / (scale.to - scale.from)) * (scale.high - scale.low));
    const clamp = (scale, value) => Math.min(Math.max(value, scale.low), scale.high);
    set({
      start: [
        clamp(x, at(x, event.clientX - box.left)),
        clamp(y, at(y, event.clientY - box.top)),
      ],
    });
  }
  function grab(event) {
    held = true;
    handle.setPointerCapture(event.pointerId);
  }
  function drag(event) {
    if (held) moveTo(event);
  }
  function release() {
    held = false;
  }
  function moveByKey(event) {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (!way) return;
    event.preventDefault();
    event.stopPropagation();
    const part = event.shiftKey ? 0.1 : 0.01;
    const moved = [x, y].map((scale, i) => {
      const value = state.start[i] + way[i] * part * (scale.high - scale.low);
      return rounded(Math.min(Math.max(value, scale.low), scale.high), 4);
    });
    set({ start: moved });
  }

  function drawMap(runs, marked) {
    const { context, width, height } = map.begin();
    const landscape = landscapeOf(state);
    [x, y] = equalAxes(landscape.window, width, height);
    const key = JSON.stringify([state.landscape, state.condition, state.rotation, width, height]);
    if (kept.key !== key) {
      kept.key = key;
      kept.path = contours(landscape, x, y);
    }
    frame({ context, width, height }, x, y, { title: LANDSCAPE_DATA[state.landscape].label });
    inside(context, x, y, () => {
      context.strokeStyle = "#93A0AD";
      context.lineWidth = 0.8;
      context.stroke(kept.path);
      context.fillStyle = INK;
      for (const [a, b] of landscape.minima) star(context, x(a), y(b));
      for (const run of runs) {
        curve(context, STYLES[run.rule], run.last + 1, (k) => onMap(run, k));
        const point = onMap(run, Math.min(marked, run.last));
        if (point) marker(context, STYLES[run.rule], ...point, 5);
      }
    });
    const within = (scale, value) => scale(Math.min(Math.max(value, scale.low), scale.high));
    handle.style.left = `${within(x, state.start[0])}px`;
    handle.style.top = `${within(y, state.start[1])}px`;
    const words = `x ${readable(state.start[0])}, y ${readable(state.start[1])}`;
    handle.setAttribute("aria-label", "Start; arrow keys move it, with Shift ten times as far");
    handle.setAttribute("aria-valuetext", words);
    handle.setAttribute("aria-valuenow", state.start[0]);
    handle.setAttribute("aria-valuemin", Math.min(x.low, state.start[0]));
    handle.setAttribute("aria-valuemax", Math.max(x.high, state.start[0]));
  }
  function onMap(run, k) {
    const far = 1e5; // pixels; what is farther away is drawn there
    const a = x(run.x[2 * k]);
    const b = y(run.x[2 * k + 1]);
    if (Number.isNaN(a) || Number.isNaN(b)) return null;
    return [Math.min(Math.max(a, -far), far), Math.min(Math.max(b, -far), far)];
  }

  function overSteps(panel, title, series, marked) {
    const { context, width, height } = panel.begin();
    const limits = logLimits(series);
    const across = axis(0, state.steps, MARGIN.left, width - MARGIN.right);
    if (!limits) {
      empty(context, width, height, title);
      return;
    }
    const up = axis(...limits, height - MARGIN.bottom, MARGIN.top, true);
    frame({ context, width, height }, across, up, { title, xLabel: "step" });
    inside(context, across, up, () => {
      context.strokeStyle = FAINT;
      context.lineWidth = 1;
      line(context, across(marked), up.from, across(marked), up.to);
      for (const { rule, count, first, value } of series) {
        curve(context, STYLES[rule], count, (k) => {
          const height = value(k);
          return height > 0 && Number.isFinite(height) ? [across(k + first), up(height)] : null;
        });
        const k = Math.min(marked - first, count - 1);
        const height = k >= 0 ? value(k) : NaN;
        if (height > 0 && Number.isFinite(height)) {
          marker(context, STYLES[rule], across(k + first), up(height));
        }
      }
    });
    for (const { rule, count, first, value, name } of series) {
      const height = count ? value(count - 1) : NaN;
      if (name && height > 0 && Number.isFinite(height)) {
        context.fillStyle = STYLES[rule].color;
        context.textAlign = "right";
        context.textBaseline = name === "x" ? "bottom" : "top";
        context.fillText(name, across(count - 1 + first), up(height) + (name === "x" ? -1 : 1));
      }
    }
  }

  function drawMoments(runs, marked) {
    const { context, width, height } = moments.begin();
    const title = "|m̂| against √v̂; on the line a step is a full α";
    const series = runs
      .filter((run) => run.mHat && run.vRoot)
      .flatMap((run) => [0, 1].map((i) => ({ run, i, rule: run.rule, count: run.last })));
    const limits = logLimits(
      series.flatMap(({ run, i, count }) => [
        { count, value: (k) => Math.abs(run.mHat[2 * k + i]) },
        { count, value: (k) => run.vRoot[2 * k + i] },
      ]),
      10,
    );
    if (!limits) {
      empty(context, width, height, title, series.length ? "" : "Only rules with both are shown here.");
      return;
    }
    const across = axis(...limits, MARGIN.left, width - MARGIN.right, true);
    const up = axis(...limits, height - MARGIN.bottom, MARGIN.top, true);
    frame({ context, width, height }, across, up, { title, xLabel: "√v̂" });
    inside(context, across, up, () => {
      context.strokeStyle = FAINT;
      context.lineWidth = 1;
      line(context, across(limits[0]), up(limits[0]), across(limits[1]), up(limits[1]));
      for (const { run, i, rule, count } of series) {
        const at = (k) => {
          const a = run.vRoot[2 * k + i];
          const b = Math.abs(run.mHat[2 * k + i]);
          return a > 0 && b > 0 && Number.isFinite(a) && Number.isFinite(b) ? [across(a), up(b)] : null;
        };
        curve(context, STYLES[rule], count, at);
        const point = marked > 0 && count > 0 ? at(Math.min(marked, count) - 1) : null;
        if (point) {
          marker(context, STYLES[rule], ...point);
          context.fillStyle = STYLES[rule].color;
          context.fillText("xy"[i], point[0] + 6, point[1] - 12);
        }
      }
    });
  }

  return {
    node: element("div", { class: "adam-panels" }, place, loss.canvas, rate.canvas, moments.canvas),
    draw(runs, marked) {
      drawMap(runs, marked);
      const losses = runs.map((run) => ({
        rule: run.rule, first: 0, count: run.last + 1, value: (k) => run.loss[k],
      }));
      overSteps(loss, "Loss", losses, marked);
      const rates = runs.flatMap((run) =>
        [0, 1].map((i) => ({
          rule: run.rule, first: 1, count: run.last, name: "xy"[i],
          value: (k) => run.rate[2 * k + i],
        })),
      );
      overSteps(rate, "Effective learning rate of x and y", rates, marked);
      drawMoments(runs, marked);
    },
  };
}

/** Axes with equal units that hold a window in the middle of a canvas. */
function equalAxes([[left, right], [bottom, top]], width, height) {
  const across = width - MARGIN.left - MARGIN.right;
  const up = height - MARGIN.top - MARGIN.bottom;
  const unit = Math.max((right - left) / across, (top - bottom) / up);
  const wide = (unit * across - (right - left)) / 2;
  const high = (unit * up - (top - bottom)) / 2;
  return [
    axis(left - wide, right + wide, MARGIN.left, width - MARGIN.right),
    axis(bottom - high, top + high, height - MARGIN.bottom, MARGIN.top),
  ];
}

/** The limits of a logarithmic axis for what is positive and finite; null if nothing is. */
function logLimits(series, decades = 20) {
  let low = Infinity;
  let high = 0;
  for (const { count, value } of series) {
    for (let k = 0; k < count; k += 1) {
      const number = value(k);
      if (number > 0 && number < Infinity) {
        low = Math.min(low, number);
        high = Math.max(high, number);
      }
    }
  }
  if (!high) return null;
  const least = Math.max(low, high * 10 ** -decades, 1e-300);
  return [10 ** Math.floor(Math.log10(least)), Math.min(10 ** Math.ceil(Math.log10(high * 1.0001)), 1e300)];
}

function empty(context, width, height, title, words = "Nothing to show.") {
  context.fillStyle = INK;
  context.textAlign = "left";
  context.textBaseline = "top";
  context.fillText(title, MARGIN.left, 3);
  context.fillText(words, MARGIN.left, height / 2);
}

function star(context, x, y) {
  context.beginPath();
  for (let k = 0; k < 10; k += 1) {
    const radius = k % 2 ? 2.5 : 6;
    const angle = (k * Math.PI) / 5 - Math.PI / 2;
    context.lineTo(x + radius * Math.cos(angle), y + radius * Math.sin(angle));
  }
  context.fill();
}

/** Scrubbing through time, and playing it. */
function timeControls(state, set) {
  const input = element("input", {
    type: "range",
    min: 0,
    step: 1,
    "aria-label": "Step",
    "data-lm-suppress-shortcuts": "true",
    oninput: () => set({ step: Number(input.value) }),
  });
  const play = button("Play", () => (playing ? pause() : start()));
  const words = element("span", { class: "adam-step" });
  let playing = 0;

  function start() {
    const from = state.step >= state.steps ? 0 : state.step;
    const began = performance.now();
    const jumps = calmly(); // no motion wanted: ten still pictures
    const tick = (now) => {
      const part = (now - began) / 6000;
      const passed = jumps ? Math.floor(part * 10) / 10 : part;
      const step = Math.min(state.steps, from + Math.round(passed * state.steps));
      if (step !== state.step) set({ step });
      if (step < state.steps) playing = requestAnimationFrame(tick);
      else pause();
    };
    play.textContent = "Pause";
    playing = requestAnimationFrame(tick);
  }
  function pause() {
    cancelAnimationFrame(playing);
    playing = 0;
    play.textContent = "Play";
  }
  return {
    node: element("div", { class: "adam-time" }, play, input, words),
    stop: pause,
    show() {
      const step = Math.min(state.step, state.steps);
      input.max = state.steps;
      input.value = step;
      words.textContent = `step ${step} of ${state.steps}`;
      input.setAttribute("aria-valuetext", words.textContent);
    },
  };
}

/** The numbers at the marked step: what a screen reader gets of the panels. */
function numbersTable() {
  const body = element("tbody", {});
  const node = element(
    "div",
    { class: "adam-numbers", tabindex: "0", "data-lm-suppress-shortcuts": "true", role: "region", "aria-label": "Numbers at the marked step" },
    element(
      "table",
      {},
      element("thead", {}, element("tr", {}, ...["rule", "x", "y", "loss", "step"].map((name) => element("th", { scope: "col" }, name)))),
      body,
    ),
  );
  return {
    node,
    show(runs, marked) {
      while (body.children.length > runs.length) body.lastChild.remove();
      while (body.children.length < runs.length) {
        body.append(
          element("tr", {}, element("th", { scope: "row" }), ...Array.from({ length: 4 }, () => element("td", {}))),
        );
      }
      runs.forEach((run, n) => {
        const k = Math.min(marked, run.last);
        const lost = run.divergedAt >= 0 && marked >= run.divergedAt;
        const cells = [
          run.rule,
          readable(run.x[2 * k], 4),
          readable(run.x[2 * k + 1], 4),
          readable(run.loss[k], 4),
          lost ? `diverged at ${run.divergedAt}` : String(k),
        ];
        cells.forEach((text, i) => {
          const place = body.children[n].children[i];
          if (place.textContent !== text) place.textContent = text;
        });
        body.children[n].dataset.rule = run.rule;
      });
    },
  };
}
