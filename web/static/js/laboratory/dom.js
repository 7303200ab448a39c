// Elements that are kept: what has the same key stays the same element, and only what differs is written.
const SVG = "http://www.w3.org/2000/svg";

export function svg(name, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

export function html(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) { if (value === true) made.setAttribute(key, ""); else if (value !== false && value != null) made.setAttribute(key, value); }
  made.append(...children.filter((each) => each != null));
  return made;
}

export function set(element, attributes) {
  for (const [key, value] of Object.entries(attributes)) { const text = String(value); if (element.getAttribute(key) !== text) element.setAttribute(key, text); }
}

export function text(element, words) { if (element.textContent !== words) element.textContent = words; }

/** Children of `parent` for `items`, in their order: `make(item)` for what is new, `update(element, item)` for all. */
export function keyed(parent, items, key, make, update) {
  const known = (parent.keyedChildren ??= new Map());
  const seen = new Set();
  let before = null;
  for (const item of items) {
    const name = key(item);
    if (seen.has(name)) continue;
    seen.add(name);
    let element = known.get(name);
    if (!element) { element = make(item); known.set(name, element); }
    update(element, item);
    const place = before ? before.nextSibling : parent.firstChild;
    if (place !== element) parent.insertBefore(element, place);
    before = element;
  }
  for (const [name, element] of known) if (!seen.has(name)) { element.remove(); known.delete(name); }
}

/** Children that are there; null is nothing. */
export const present = (...children) => children.filter((each) => each != null);

/** What makes an SVG group a button. */
export function pressable(element, label, run) {
  set(element, { tabindex: 0, role: "button", "aria-label": label });
  if (element.pressed) return;
  element.pressed = true;
  element.addEventListener("click", run);
  element.addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); event.stopPropagation(); run(event); } });
}

export const bytes = (count) => (count < 1000 ? `${count} B` : count < 1e6 ? `${(count / 1000).toFixed(1)} kB` : `${(count / 1e6).toFixed(1)} MB`);
export const seconds = (ms) => `${(ms / 1000).toFixed(3)} s`;
