// Text of strangers, harmless on a screen: what is invisible or turns the direction of writing is written out.
const HIDDEN = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
const NAMED = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** `text` with control and direction characters written out, line ends too. */
export const safe = (text) => String(text).replace(HIDDEN, (found) => NAMED[found] ?? `\\u{${found.charCodeAt(0).toString(16)}}`);

/** An element with text in it; never markup. */
export function make(name, className = "", text = null) {
  const element = document.createElement(name);
  if (className) element.className = className;
  if (text !== null) element.textContent = text;
  return element;
}

/** Puts `text` into `element`, with what `pattern` (a global RegExp or null) finds marked. */
export function fill(element, text, pattern) {
  if (!pattern) { if (element.firstChild?.nodeType !== 3 || element.childNodes.length > 1 || element.textContent !== text) element.textContent = text; return; }
  element.replaceChildren();
  let at = 0;
  let marks = 0;
  pattern.lastIndex = 0;
  for (let found; marks < 200 && (found = pattern.exec(text)); marks++) {
    if (found[0] === "") { pattern.lastIndex++; continue; }
    element.append(text.slice(at, found.index), make("mark", "", found[0]));
    at = found.index + found[0].length;
  }
  element.append(text.slice(at));
}

export const count = (number) => Number(number).toLocaleString("en-US");

/** Bytes as people read them. */
export function size(bytes) {
  let value = bytes;
  for (const unit of ["B", "KiB", "MiB", "GiB", "TiB"]) {
    if (value < 1024 || unit === "TiB") return `${value >= 100 || unit === "B" ? value.toFixed(0) : value.toFixed(1)} ${unit}`;
    value /= 1024;
  }
  return "";
}
