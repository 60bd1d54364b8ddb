// What the views are built from: elements, sliders on several scales, and the wiring
// between a model (a live kernel's, or a page's own) and what is shown.

/** An element with attributes, listeners (on...) and children. */
function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child != null));
  return node;
}

// Counted for the whole document: a notebook may load this file once for each widget.
function newId() {
  globalThis.adamIds = (globalThis.adamIds ?? 0) + 1;
  return `adam-${globalThis.adamIds}`;
}

/** A number as a reader would write it: three digits, powers of ten where they are short. */
function readable(value, digits = 3) {
  if (!Number.isFinite(value)) return value > 0 ? "∞" : value < 0 ? "−∞" : "not a number";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e5 || size < 1e-3) {
    const [mantissa, exponent] = value.toExponential(digits - 1).split("e");
    return `${minus(String(Number(mantissa)))}e${minus(String(Number(exponent)))}`;
  }
  return minus(String(Number(value.toPrecision(digits))));
}

const minus = (text) => text.replace("-", "−");
const rounded = (value, digits = 3) => Number(value.toPrecision(digits));

// Scales: what a slider's position means.  Positions are what the browser's slider moves
// in even steps; values are what the model holds.
const linear = (low, high, step) => ({
  low,
  high,
  step,
  toPosition: (value) => value,
  toValue: (position) => rounded(position, 6),
});

const logarithmic = (low, high) => ({
  low: Math.log10(low),
  high: Math.log10(high),
  step: 0.01,
  toPosition: (value) => Math.log10(value),
  toValue: (position) => rounded(10 ** position),
});

const whole = (low, high) => ({
  ...logarithmic(low, high),
  toValue: (position) => Math.round(10 ** position),
});

// 0.9, 0.99 and 0.999 get equal room: the position counts the nines.
const nines = (most) => ({
  low: 0,
  high: most,
  step: 0.01,
  toPosition: (value) => -Math.log10(1 - value),
  toValue: (position) => rounded(1 - 10 ** -position, Math.ceil(position) + 2),
});

/** A labelled slider: {node, show(value), enable(yes)}; calls `turned(value)` when moved. */
function slider({ label, scale, turned, describe = readable }) {
  const id = newId();
  // What it says is the slider's own value text; here it is for the eye alone.
  const output = element("span", { class: "adam-output", "aria-hidden": "true" });
  const input = element("input", {
    id,
    type: "range",
    min: scale.low,
    max: scale.high,
    step: scale.step,
    // JupyterLab's notebook takes the arrow keys, unless the focused element says this.
    "data-lm-suppress-shortcuts": "true",
    oninput() {
      const value = scale.toValue(Number(input.value));
      tell(value);
      turned(value);
    },
  });
  function tell(value) {
    output.textContent = describe(value);
    input.setAttribute("aria-valuetext", describe(value));
  }
  return {
    node: element("div", { class: "adam-slider" }, element("label", { for: id }, label), output, input),
    input,
    show(value) {
      const position = scale.toPosition(value);
      // While a slider is moved it knows its position better than rounding does.
      if (scale.toValue(Number(input.value)) !== value || !input.dataset.shown) {
        input.value = Math.min(Math.max(position, scale.low), scale.high);
      }
      input.dataset.shown = "yes";
      tell(value);
    },
  };
}

/** A labelled choice: {node, show(value)}. */
function choice({ label, options, chosen }) {
  const id = newId();
  const select = element("select", {
    id,
    "data-lm-suppress-shortcuts": "true",
    onchange: () => chosen(select.value),
  });
  const fill = (pairs) =>
    select.replaceChildren(...pairs.map(([value, text]) => element("option", { value }, text)));
  fill(options);
  return {
    node: element("div", { class: "adam-choice" }, element("label", { for: id }, label), select),
    fill,
    show(value) {
      select.value = value;
    },
  };
}

function button(text, pressed, attributes = {}) {
  return element(
    "button",
    { type: "button", "data-lm-suppress-shortcuts": "true", onclick: pressed, ...attributes },
    text,
  );
}

/** Copy a text, and say on the button that it was done (or what to do where it may not be). */
function copyButton(text, content) {
  const node = button(text, async () => {
    let said = "Copied";
    try {
      await navigator.clipboard.writeText(content());
    } catch {
      said = "Select it and copy";
    }
    node.textContent = said;
    setTimeout(() => {
      node.textContent = text;
    }, 1500);
  });
  return node;
}

/**
 * Tie a view to a model.  `names` are the traits; `draw(state)` shows them, at most once a
 * frame.  Returns {state, set(changes), stop}: `set` changes what is shown at once and tells
 * the model.
 */
function tie(model, names, draw) {
  const state = {};
  const read = () => {
    for (const name of names) state[name] = model.get(name);
  };
  read();
  let frame = 0;
  const later = () => {
    if (!frame) {
      frame = requestAnimationFrame(() => {
        frame = 0;
        draw(state);
      });
    }
  };
  const changed = () => {
    read();
    later();
  };
  for (const name of names) model.on(`change:${name}`, changed);
  return {
    state,
    set(changes) {
      for (const [name, value] of Object.entries(changes)) {
        state[name] = value;
        model.set(name, value);
      }
      model.save_changes();
      later();
    },
    stop() {
      cancelAnimationFrame(frame);
      for (const name of names) model.off(`change:${name}`, changed);
    },
  };
}

const calmly = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
