// JSON by places in its text: where values begin and end, without making anything of them. Depth costs no stack.
const BLANK = /[ \t\n\r]*/y;
const MARK = /["[\]{}]/g;
const PLAIN = /[^\s,\]}"[{:]+/y;

function blank(text, at) {
  BLANK.lastIndex = at;
  BLANK.exec(text);
  return BLANK.lastIndex;
}

/** Behind the closing quote of the string that begins at `at`. */
function stringEnd(text, at) {
  for (let end = text.indexOf('"', at + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let slashes = 0;
    while (text[end - 1 - slashes] === "\\") slashes++;
    if (slashes % 2 === 0) return end + 1;
  }
  throw new Error(`not JSON: the string at character ${at.toLocaleString("en-US")} has no end`);
}

/** Behind the value that begins at `at`. */
export function valueEnd(text, at) {
  const first = text[at];
  if (first === '"') return stringEnd(text, at);
  if (first === "{" || first === "[") {
    let depth = 0;
    MARK.lastIndex = at;
    for (let found; (found = MARK.exec(text));) {
      const mark = found[0];
      if (mark === '"') MARK.lastIndex = stringEnd(text, found.index);
      else if (mark === "{" || mark === "[") depth++;
      else if (--depth === 0) return found.index + 1;
    }
    throw new Error(`not JSON: what begins at character ${at.toLocaleString("en-US")} has no end`);
  }
  PLAIN.lastIndex = at;
  if (!PLAIN.exec(text)) throw new Error(`not JSON: at character ${at.toLocaleString("en-US")}`);
  return PLAIN.lastIndex;
}

export function kindOf(text, at) {
  const first = text[at];
  return first === "{" ? "object" : first === "[" ? "array" : first === '"' ? "string" : /[-0-9]/.test(first) ? "number" : "word";
}

/** The value that the text is: {start, end, kind}. Throws when there is none, or more. */
export function start(text) {
  const at = blank(text, text.charCodeAt(0) === 0xfeff ? 1 : 0);
  const end = valueEnd(text, at);
  if (blank(text, end) !== text.length) throw new Error(`not JSON: something follows at character ${end.toLocaleString("en-US")}`);
  return { start: at, end, kind: kindOf(text, at) };
}

/** The values within an object or array: {starts, ends, keys}; keys ([from, to] with their quotes) of objects only. */
export function childrenOf(text, { start: from, end, kind }) {
  const found = { starts: [], ends: [], keys: kind === "object" ? [] : null };
  let at = blank(text, from + 1);
  while (at < end - 1) {
    if (found.keys) {
      if (text[at] !== '"') throw new Error(`not JSON: no key at character ${at.toLocaleString("en-US")}`);
      const keyEnd = stringEnd(text, at);
      found.keys.push([at, keyEnd]);
      at = blank(text, keyEnd);
      if (text[at] !== ":") throw new Error(`not JSON: no colon at character ${at.toLocaleString("en-US")}`);
      at = blank(text, at + 1);
    }
    const behind = valueEnd(text, at);
    found.starts.push(at);
    found.ends.push(behind);
    at = blank(text, behind);
    if (at < end - 1) {
      if (text[at] !== ",") throw new Error(`not JSON: at character ${at.toLocaleString("en-US")}`);
      at = blank(text, at + 1);
    }
  }
  return found;
}
