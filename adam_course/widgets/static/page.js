// On a static page: mount every widget that stands in it, and keep its state in the address.

/** A model without a kernel: the traits of one widget, and who listens to them. */
class PageModel {
  constructor(kind, name, initial) {
    this.kind = kind;
    this.name = name;
    this.initial = initial;
    this.traits = structuredClone(initial);
    this.listeners = new Map();
    this.waiting = 0;
  }
  get(name) {
    return this.traits[name];
  }
  set(name, value) {
    this.traits[name] = value;
    for (const listener of this.listeners.get(`change:${name}`) ?? []) listener();
  }
  on(event, listener) {
    this.listeners.set(event, [...(this.listeners.get(event) ?? []), listener]);
  }
  off(event, listener) {
    this.listeners.set(event, (this.listeners.get(event) ?? []).filter((each) => each !== listener));
  }
  /** Write the address, at most four times a second: browsers refuse more. */
  save_changes() {
    if (this.waiting) return;
    this.waiting = setTimeout(() => {
      this.waiting = 0;
      try {
        history.replaceState(history.state, "", this.link());
      } catch {
        // An address that may not be changed is no reason to stop.
      }
    }, 250);
  }
  /** The address that reopens this page with this widget as it is. */
  link() {
    const changes = new URLSearchParams();
    for (const [name, value] of Object.entries(this.traits)) {
      const text = JSON.stringify(value);
      if (name !== "caption" && text !== JSON.stringify(this.initial[name])) changes.set(name, text);
    }
    const url = new URL(location.href);
    const text = changes.toString();
    url.hash = text ? `${this.name}?${text}` : "";
    return url.href;
  }
  /** Take over what an address says, as far as it makes sense. */
  reopen(address) {
    const [name, text] = address.replace(/^#/, "").split("?");
    if (name !== this.name || !text) return false;
    for (const [trait, json] of new URLSearchParams(text)) {
      let value;
      try {
        value = JSON.parse(json);
      } catch {
        continue;
      }
      const clean = sensible(this.kind, trait, value, this.traits);
      if (clean !== undefined) this.set(trait, clean);
    }
    return true;
  }
}

/** A value from an address, in its range; undefined where it makes no sense. */
function sensible(kind, trait, value, traits) {
  const number = (one, [low, high, integer]) => {
    if (typeof one !== "number" || !Number.isFinite(one)) return undefined;
    const inside = Math.min(Math.max(one, low), high);
    return integer ? Math.round(inside) : inside;
  };
  const range = RANGES[kind][trait];
  if (range && Array.isArray(traits[trait])) {
    const list = Array.isArray(value) ? value.map((one) => number(one, range)) : [];
    const [least, most] = trait === "start" ? [2, 2] : [1, 200];
    return list.length >= least && list.length <= most && !list.includes(undefined) ? list : undefined;
  }
  if (range) return number(value, range);
  if (trait === "landscape") return Object.hasOwn(LANDSCAPE_DATA, value) ? value : undefined;
  if (trait === "rules" && Array.isArray(value)) {
    return [...new Set(value)].filter((rule) => Object.hasOwn(RULE_DATA, rule));
  }
  if (trait === "settings" && value && typeof value === "object" && !Array.isArray(value)) {
    const settings = {};
    for (const [rule, own] of Object.entries(value)) {
      if (!Object.hasOwn(RULE_DATA, rule) || !own || typeof own !== "object") continue;
      settings[rule] = {};
      for (const [name, one] of Object.entries(own)) {
        const clean = RANGES[kind][name] && number(one, RANGES[kind][name]);
        if (clean !== undefined && Object.hasOwn(RULE_DATA[rule], name)) settings[rule][name] = clean;
      }
    }
    return settings;
  }
  return undefined;
}

function mountAll() {
  const counts = {};
  for (const place of document.querySelectorAll(".adam-widget[data-adam-widget]")) {
    const kind = place.dataset.adamWidget;
    if (!Object.hasOwn(WIDGETS, kind) || place.dataset.adamMounted) continue;
    counts[kind] = (counts[kind] ?? 0) + 1;
    const name = `${kind}-${counts[kind]}`;
    const model = new PageModel(kind, name, JSON.parse(place.dataset.adamState));
    const called = model.reopen(location.hash);
    place.dataset.adamMounted = "yes";
    place.id = name;
    place.replaceChildren();
    WIDGETS[kind]({ model, el: place });
    if (called) place.scrollIntoView();
    addEventListener("hashchange", () => model.reopen(location.hash) && place.scrollIntoView());
    // For a page's own scripts: open a state as if it stood in the address.
    addEventListener("adam-open", (event) => model.reopen(event.detail));
  }
}

// For whoever wants to compute on the page, and for the tests: the engine, without the views.
globalThis.adamCourse = { RULES, LANDSCAPE_DATA, landscapeOf, race, pythonFor, standardNormal, uniform, dissect };

if (document.readyState === "loading") addEventListener("DOMContentLoaded", mountAll);
else mountAll();
