// The Microscope: a sequence of gradients, and all that Adam makes of one of them.

const MICROSCOPE_TRAITS = ["gradients", "learning_rate", "beta1", "beta2", "epsilon", "step", "caption"];

const PRESETS = {
  constant: ["Constant", () => 1],
  flips: ["Sign flips", (k) => (k % 2 ? -1 : 1)],
  spike: ["A lone spike", (k) => (k === 10 ? 1 : 0)],
  growth: ["Growing", (k, { beta1, beta2 }) => Math.min(beta2 / Math.max(beta1, 0.1), 2) ** k],
  sparse: ["Sparse: one in six", (k) => (k % 6 === 0 ? 1 : 0)],
  noise: ["Noise around 1", (k) => 1 + standardNormal(1, k + 1, 0)],
};
const PRESET_LENGTH = 30;

/** Every quantity of every step: an array of objects, one a step. */
function dissect({ gradients, learning_rate, beta1, beta2, epsilon }) {
  const settings = { learning_rate, beta1, beta2, epsilon };
  const memory = { m: 0, v: 0 };
  const [powers1, powers2] = [new Powers(beta1), new Powers(beta2)];
  const p = { t: 0, beta1: 1, beta2: 1 };
  let x = 0;
  return gradients.map((g, k) => {
    const before = { ...memory };
    p.t = k + 1;
    p.beta1 = powers1.next();
    p.beta2 = powers2.next();
    const next = RULES.Adam.update(x, g, memory, settings, p);
    const mHat = memory.m / (1 - p.beta1);
    const vHat = memory.v / (1 - p.beta2);
    const step = next - x;
    x = next;
    return { t: k + 1, g, before, ...memory, mHat, vHat, step, x, power1: p.beta1, power2: p.beta2, bound: bound(settings, p) };
  });
}

/** The longest step that any t gradients can make: α √(Σ aᵢ² / bᵢ), by Cauchy and Schwarz. */
function bound({ learning_rate, beta1, beta2 }, { t, beta1: power1, beta2: power2 }) {
  // aᵢ and bᵢ are the weights of the gradient i steps ago in the two averages.  Without a
  // memory for the squares (beta2 = 0) the latest alone counts in b, and a must not look back.
  let sum = 0;
  let a = (1 - beta1) / (1 - power1);
  let b = (1 - beta2) / (1 - power2);
  for (let i = 0; i < t && a > 0; i += 1) {
    if (b === 0) return Infinity;
    sum += (a * a) / b;
    a *= beta1;
    b *= beta2;
  }
  return learning_rate * Math.sqrt(sum);
}

function renderMicroscope({ model, el }) {
  const initial = model.initial ?? snapshot(model, MICROSCOPE_TRAITS);
  const tied = tie(model, MICROSCOPE_TRAITS, draw);
  const { state, set } = tied;

  const presets = choice({
    label: "Gradients",
    options: [["", "your own"], ...Object.entries(PRESETS).map(([key, [label]]) => [key, label])],
    chosen(key) {
      if (!key) return;
      const make = PRESETS[key][1];
      const gradients = Array.from({ length: PRESET_LENGTH }, (_, k) => rounded(make(k, state), 6));
      set({ gradients, step: Math.min(state.step, PRESET_LENGTH) });
    },
  });
  const typedId = newId();
  const fault = element("p", { class: "adam-fault", role: "alert" });
  const typed = element("input", {
    id: typedId,
    type: "text",
    inputmode: "text",
    spellcheck: "false",
    "data-lm-suppress-shortcuts": "true",
    onchange: take,
    // In a cell JupyterLab keeps the Enter of a text field to itself, and with it the change.
    onkeydown(event) {
      if (event.key === "Enter") take();
    },
  });
  function take() {
    const numbers = typed.value.replaceAll("−", "-").split(/[\s,;]+/).filter(Boolean).map(Number);
    if (!numbers.length || numbers.length > 200 || !numbers.every((g) => Math.abs(g) <= 1e12)) {
      const bad = typed.value.split(/[\s,;]+/).find((word) => !(Math.abs(Number(word)) <= 1e12));
      fault.textContent = bad
        ? `“${bad}” is not a number that can be a gradient here.`
        : "Type between 1 and 200 numbers, with commas between them.";
      return;
    }
    fault.textContent = "";
    set({ gradients: numbers, step: Math.min(state.step, numbers.length) });
  }

  const strip = drawing("The gradients as bars; draw on them to change them, or type them above");
  strip.canvas.classList.add("adam-strip");
  let drawingAt = null;
  strip.canvas.addEventListener("pointerdown", (event) => {
    drawingAt = event.pointerId;
    strip.canvas.setPointerCapture(event.pointerId);
    sketch(event);
  });
  strip.canvas.addEventListener("pointermove", (event) => {
    if (event.pointerId === drawingAt) sketch(event);
  });
  for (const end of ["pointerup", "pointercancel"]) {
    strip.canvas.addEventListener(end, () => {
      drawingAt = null;
    });
  }
  let reach = 1;
  function sketch(event) {
    const box = strip.canvas.getBoundingClientRect();
    const n = state.gradients.length;
    const k = Math.min(n - 1, Math.max(0, Math.floor(((event.clientX - box.left) / box.width) * n)));
    const part = Math.min(1, Math.max(-1, 1 - (2 * (event.clientY - box.top)) / box.height));
    const gradients = [...state.gradients];
    gradients[k] = rounded(part * reach, 2);
    set({ gradients, step: k + 1 });
  }

  const back = button("Back", () => set({ step: Math.max(1, state.step - 1) }));
  const forth = button("Forward", () => set({ step: Math.min(state.gradients.length, state.step + 1) }));
  const scrub = element("input", {
    type: "range",
    min: 1,
    step: 1,
    "aria-label": "Step",
    "data-lm-suppress-shortcuts": "true",
    oninput: () => set({ step: Number(scrub.value) }),
  });
  const words = element("span", { class: "adam-step" });

  const sliders = [
    ["learning_rate", slider({ label: "Learning rate α", scale: logarithmic(1e-4, 10), turned: (learning_rate) => set({ learning_rate }) })],
    ["beta1", slider({ label: "β₁", scale: nines(3), turned: (beta1) => set({ beta1 }) })],
    ["beta2", slider({ label: "β₂", scale: nines(5), turned: (beta2) => set({ beta2 }) })],
    ["epsilon", slider({ label: "ε", scale: logarithmic(1e-12, 1), turned: (epsilon) => set({ epsilon }) })],
  ];
  const parts = microscopeTable();
  const status = element("p", { class: "adam-status", role: "status" });
  const caption = element("p", { class: "adam-caption" });
  const root = element(
    "div",
    { class: "adam-microscope", role: "group", "aria-label": "Microscope" },
    element(
      "div",
      { class: "adam-what" },
      presets.node,
      element("div", { class: "adam-typed" }, element("label", { for: typedId }, "Your own, with commas"), typed),
    ),
    fault,
    strip.canvas,
    element("div", { class: "adam-time" }, back, forth, scrub, words),
    parts.node,
    status,
    element("div", { class: "adam-how" }, ...sliders.map(([, { node }]) => node)),
    element(
      "div",
      { class: "adam-keep" },
      button("Reset", () => set(structuredClone(initial))),
      model.link ? copyButton("Copy link", () => model.link()) : null,
    ),
    caption,
  );
  el.append(root);

  function draw() {
    const rows = dissect(state);
    const step = Math.min(state.step, rows.length);
    const row = rows[step - 1];
    parts.show(rows, row, state);
    scrub.max = rows.length;
    scrub.value = step;
    words.textContent = `step ${step} of ${rows.length}`;
    scrub.setAttribute("aria-valuetext", words.textContent);
    back.disabled = step === 1;
    forth.disabled = step === rows.length;
    if (document.activeElement !== typed) typed.value = state.gradients.map((g) => rounded(g)).join(", ");
    const match = Object.entries(PRESETS).find(
      ([, [, make]]) =>
        state.gradients.length === PRESET_LENGTH &&
        state.gradients.every((g, k) => g === rounded(make(k, state), 6)),
    );
    presets.show(match ? match[0] : "");
    for (const [name, control] of sliders) control.show(state[name]);
    drawStrip(rows, step);
    const share = row.bound > 0 ? Math.abs(row.step) / row.bound : 0;
    const said =
      `Step ${step} is ${readable(Math.abs(row.step) / (state.learning_rate || 1))} × α long, ` +
      `${readable(100 * share)} % of the longest that ${step === 1 ? "one gradient" : `any ${step} gradients`} could make it.`;
    if (status.textContent !== said) status.textContent = said;
    caption.textContent = state.caption;
  }

  function drawStrip(rows, step) {
    const { context, width, height } = strip.begin();
    reach = Math.max(1e-12, ...rows.map(({ g }) => Math.abs(g))) * 1.15;
    const wide = width / rows.length;
    context.strokeStyle = FAINT;
    line(context, 0, height / 2, width, height / 2);
    rows.forEach(({ g }, k) => {
      const high = ((g / reach) * height) / 2;
      context.fillStyle = k + 1 === step ? "#D55E00" : "#0072B2";
      context.fillRect(k * wide + 1, height / 2 - Math.max(high, 0), Math.max(1, wide - 2), Math.max(1, Math.abs(high)));
    });
  }

  const resized = new ResizeObserver(() => draw());
  resized.observe(root);
  draw();
  return () => {
    resized.disconnect();
    tied.stop();
    root.remove();
  };
}

// Name, formula, the formula filled in, value, and with what its bar is compared.
const QUANTITIES = [
  ["g", "gradient", (r) => readable(r.g), (r) => r.g, "g"],
  ["m", "β₁ mₜ₋₁ + (1 − β₁) gₜ", (r, s) => `${readable(s.beta1)} · ${readable(r.before.m)} + ${readable(1 - s.beta1)} · ${readable(r.g)}`, (r) => r.m, "g"],
  ["v", "β₂ vₜ₋₁ + (1 − β₂) gₜ²", (r, s) => `${readable(s.beta2)} · ${readable(r.before.v)} + ${readable(1 - s.beta2)} · ${readable(r.g)}²`, (r) => r.v, "v"],
  ["m̂", "m / (1 − β₁ᵗ)", (r) => `${readable(r.m)} / (1 − ${readable(r.power1)})`, (r) => r.mHat, "g"],
  ["v̂", "v / (1 − β₂ᵗ)", (r) => `${readable(r.v)} / (1 − ${readable(r.power2)})`, (r) => r.vHat, "v"],
  ["step", "−α m̂ / (√v̂ + ε)", (r, s) => `−${readable(s.learning_rate)} · ${readable(r.mHat)} / (√${readable(r.vHat)} + ${readable(s.epsilon)})`, (r) => r.step, "step"],
  ["bound", "α √(Σ aᵢ² / bᵢ)", (r) => (r.t === 1 ? "of one gradient" : `of any ${r.t} gradients`), (r) => r.bound, "step"],
];

/** Name, formula, number and bar of every quantity of one step. */
function microscopeTable() {
  const lines = QUANTITIES.map(([name, formula]) => {
    const filled = element("td", { class: "adam-formula" });
    const value = element("td", { class: "adam-value" });
    const bar = element("span", {});
    const row = element(
      "tr",
      {},
      element("th", { scope: "row" }, name),
      element("td", { class: "adam-formula" }, formula),
      filled,
      value,
      element("td", { class: "adam-bar", "aria-hidden": "true" }, bar),
    );
    row.dataset.quantity = name;
    return { filled, value, bar, row };
  });
  return {
    node: element(
      "div",
      { class: "adam-numbers", tabindex: "0", "data-lm-suppress-shortcuts": "true", role: "region", "aria-label": "The parts of the step" },
      element(
        "table",
        {},
        element("thead", {}, element("tr", {}, ...["part", "formula", "filled in", "value", "bar"].map((name) => element("th", { scope: "col" }, name)))),
        element("tbody", {}, ...lines.map(({ row }) => row)),
      ),
    ),
    show(rows, row, state) {
      const largest = {};
      for (const [, , , value, group] of QUANTITIES) {
        for (const each of rows) {
          const size = Math.abs(value(each));
          if (Number.isFinite(size)) largest[group] = Math.max(largest[group] ?? 0, size);
        }
      }
      QUANTITIES.forEach(([, , fill, value, group], n) => {
        const number = value(row);
        lines[n].filled.textContent = fill(row, state);
        lines[n].value.textContent = readable(number, 4);
        const part = Math.min(1, Math.abs(number) / (largest[group] || 1)) || 0;
        lines[n].bar.style.width = `${50 * part}%`;
        lines[n].bar.style.left = number < 0 ? `${50 - 50 * part}%` : "50%";
      });
    },
  };
}
