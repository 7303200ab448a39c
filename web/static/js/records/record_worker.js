// A key or value beside the page: fetched, cut into lines, bytes or a tree, and given out in pieces, so that the page never
// waits however large it is. The tree is made of the text as it was written: no number is rounded, no key is lost.
import { childrenOf, kindOf, start } from "./tree.js";

const GROUP = 1_000;
const STRING_SHOWN = 400;
const OPEN_AT_ONCE = 120;
let bytes = null;
let text = null;
let lines = null;
let nodes = null;

async function open({ url, source, part }) {
  const ask = async (address) => {
    const response = await fetch(address, { credentials: "same-origin" });
    if (!response.ok) throw new Error(`The console answered ${response.status}.`);
    return response;
  };
  bytes = new Uint8Array(await (await ask(`${url}/raw?part=${part}`)).arrayBuffer());
  if (source === "text") {
    const found = await (await ask(`${url}?values=false&bytes_max=0&text_max=1048576`)).json();
    text = found.record[part].text;
    return { bytes: bytes.length, characters: text.length, cut: found.record[part].is_preview ?? false };
  }
  text = new TextDecoder("utf-8").decode(bytes);
  return { bytes: bytes.length, characters: text.length, cut: false };
}

/** Where each line begins: at line ends, and where `columns` are full. */
function layOut({ columns }) {
  const starts = [0];
  for (let at = 0; at < text.length;) {
    let end = text.indexOf("\n", at);
    if (end < 0) end = text.length;
    for (let cut = at + columns; cut < end; cut += columns) {
      // No surrogate pair is torn apart.
      const code = text.charCodeAt(cut - 1);
      if (code >= 0xd800 && code < 0xdc00) cut++;
      if (cut < end) starts.push(cut);
    }
    at = end + 1;
    if (at < text.length) starts.push(at);
  }
  lines = starts;
  return starts.length;
}

function textRows(from, to) {
  const found = [];
  for (let index = from; index < Math.min(to, lines.length); index++) found.push(text.slice(lines[index], lines[index + 1] ?? text.length).replace(/\r?\n$/, ""));
  return found;
}

function hexRows(from, to) {
  const found = [];
  for (let row = from; row < Math.min(to, Math.ceil(bytes.length / 16)); row++) {
    const piece = bytes.subarray(row * 16, row * 16 + 16);
    const pairs = Array.from(piece, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
    found.push([(row * 16).toString(16).padStart(8, "0"), pairs.padEnd(47), String.fromCharCode(...piece.map((byte) => (byte >= 32 && byte < 127 ? byte : 46)))]);
  }
  return found;
}

function plant() {
  const root = { ...start(text), depth: 0, key: null, open: false };
  nodes = [root];
  // What fits is open at once.
  for (let index = 0; index < nodes.length && nodes.length < OPEN_AT_ONCE; index++) {
    const node = nodes[index];
    const isOnly = node.depth === 1 && root.size <= 3;
    if (node.depth < 6 && isBranch(node) && !node.group && (index === 0 || isOnly || node.end - node.start < 4_000)) toggle({ index });
  }
  return nodes.length;
}

const isBranch = (node) => node.group !== undefined || ((node.kind === "object" || node.kind === "array") && node.end - node.start > 2);

function toggle({ index }) {
  const node = nodes[index];
  if (!node || !isBranch(node)) return nodes.length;
  if (node.open) {
    let end = index + 1;
    while (end < nodes.length && nodes[end].depth > node.depth) end++;
    nodes.splice(index + 1, end - index - 1);
    node.open = false;
    return nodes.length;
  }
  const inside = [];
  if (node.group) {
    const { all, from, to } = node.group;
    for (let at = from; at < to; at++) inside.push(child(all, at, node.depth + 1));
  } else {
    const all = childrenOf(text, node);
    node.size = all.starts.length;
    if (node.size > GROUP * 1.5) for (let from = 0; from < node.size; from += GROUP) inside.push({ group: { all, from, to: Math.min(node.size, from + GROUP) }, depth: node.depth + 1, open: false });
    else for (let at = 0; at < node.size; at++) inside.push(child(all, at, node.depth + 1));
  }
  node.open = true;
  // Spreading a hundred thousand arguments would be too many.
  nodes = nodes.slice(0, index + 1).concat(inside, nodes.slice(index + 1));
  return nodes.length;
}

function child(all, at, depth) {
  const begin = all.starts[at];
  return { start: begin, end: all.ends[at], kind: kindOf(text, begin), key: all.keys ? text.slice(all.keys[at][0], Math.min(all.keys[at][1], all.keys[at][0] + STRING_SHOWN)) : String(at), named: Boolean(all.keys), depth, open: false };
}

function treeRows(from, to) {
  return nodes.slice(from, to).map((node) => {
    const twist = isBranch(node) ? (node.open ? "open" : "closed") : "";
    if (node.group) return { depth: node.depth, twist, key: `${node.group.from} … ${node.group.to - 1}`, named: false, kind: "group", text: "", note: "" };
    const size = node.end - node.start;
    const said = { depth: node.depth, twist, key: node.key, named: node.named ?? false, kind: node.kind };
    if (twist) {
      const [left, right] = node.kind === "object" ? "{}" : "[]";
      const what = node.kind === "object" ? "key" : "element";
      const count = node.size === undefined ? `${size.toLocaleString("en-US")} characters` : `${node.size.toLocaleString("en-US")} ${what}${node.size === 1 ? "" : "s"}`;
      return { ...said, text: node.open ? left : `${left}…${right}`, note: count };
    }
    const shown = size > STRING_SHOWN ? text.slice(node.start, node.start + STRING_SHOWN) : text.slice(node.start, node.end);
    return { ...said, text: shown, note: size > STRING_SHOWN ? `… ${size.toLocaleString("en-US")} characters` : "" };
  });
}

function base64() {
  let joined = "";
  for (let at = 0; at < bytes.length; at += 24_573) joined += btoa(String.fromCharCode(...bytes.subarray(at, at + 24_573)));
  return joined;
}

const OPERATIONS = {
  open,
  text: layOut,
  hex: () => Math.ceil(bytes.length / 16),
  tree: plant,
  toggle,
  rows: ({ view, from, to }) => (view === "tree" ? treeRows : view === "hex" ? hexRows : textRows)(from, to),
  copy: ({ what }) => (what === "base64" ? base64() : text),
  source: ({ index }) => (nodes[index]?.group ? "" : text.slice(nodes[index].start, nodes[index].end)),
};

addEventListener("message", async ({ data }) => {
  try {
    postMessage({ id: data.id, result: await OPERATIONS[data.name](data) });
  } catch (error) {
    postMessage({ id: data.id, error: error.message });
  }
});
