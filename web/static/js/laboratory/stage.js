// The cluster: nodes on a ring, the clients' machine beside them, links that do not work, and messages on their way.
import { bytes, keyed, pressable, set, svg, text } from "./dom.js";

const WIDTH = 860;
const HEIGHT = 360;
const NODE = { width: 168, height: 92 };
const MESSAGES_MAX = 60;
const longest = new Map();

export function places(nodes) {
  const found = new Map([["clients", { x: 92, y: HEIGHT / 2 }]]);
  const around = { x: 540, y: HEIGHT / 2, rx: 215, ry: 122 };
  nodes.forEach((node, index) => {
    const angle = ((index + 0.5) / nodes.length) * 2 * Math.PI - Math.PI / 2 - Math.PI / nodes.length;
    found.set(`node-${node.id}`, nodes.length === 1 ? { x: around.x, y: around.y } : { x: around.x + around.rx * Math.cos(angle), y: around.y + around.ry * Math.sin(angle) });
  });
  return found;
}

export function drawStage(root, store, choose, chosen) {
  if (!root.layers) {
    root.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
    root.layers = Object.fromEntries(["links", "nodes", "messages"].map((name) => [name, root.appendChild(svg("g", { class: name }))]));
  }
  const nodes = store.all("node");
  const where = places(nodes);
  const names = [...where.keys()];
  const pairs = [];
  for (let a = 0; a < names.length; a += 1) for (let b = a + 1; b < names.length; b += 1) pairs.push([names[a], names[b]]);
  const faults = new Map((store.get("links") ?? []).map((link) => [`${link.source}>${link.to}`, link]));
  keyed(root.layers.links, pairs, ([a, b]) => `${a}-${b}`, () => svg("g", {}, svg("line", { class: "wire" }), svg("line", { class: "hit" }), svg("text", { class: "wire-words" })), (group, [a, b]) => {
    const [from, to] = [where.get(a), where.get(b)];
    const [there, back] = [faults.get(`${a}>${b}`), faults.get(`${b}>${a}`)];
    const cut = [there?.is_cut && `${short(a)}→${short(b)}`, back?.is_cut && `${short(b)}→${short(a)}`].filter(Boolean);
    const slow = there && !there.is_cut ? there : back && !back.is_cut ? back : null;
    const words = cut.length === 2 ? "✕ cut" : cut.length ? `✕ ${cut[0]} cut` : slow ? `slow: ${Math.round(slow.latency_ms)} ms` : "";
    for (const line of group.querySelectorAll("line")) set(line, { x1: from.x, y1: from.y, x2: to.x, y2: to.y });
    set(group, { class: `link${cut.length ? " cut" : slow ? " slow" : ""}${chosen === `link/${a}/${b}` ? " chosen" : ""}` });
    const label = group.lastChild;
    // Nearer to the first end, where fewer wires cross.
    set(label, { x: from.x + (to.x - from.x) * 0.42, y: from.y + (to.y - from.y) * 0.42 - 5 });
    text(label, words);
    pressable(group, `Link between ${a} and ${b}${words ? `: ${words}` : ""}`, () => choose(`link/${a}/${b}`));
  });
  keyed(root.layers.nodes, [{ id: "clients" }, ...nodes], (node) => node.id, makeNode, (group, node) => updateNode(group, node, where, store, choose, chosen));
  const messages = (store.get("messages") ?? []).filter((each) => where.has(each.source) && where.has(each.to)).slice(0, MESSAGES_MAX);
  const present = new Set(messages.map((each) => each.id));
  for (const id of longest.keys()) if (!present.has(id)) longest.delete(id);
  const stuck = new Map();
  keyed(root.layers.messages, messages, (each) => each.id, (each) => svg("g", { class: "message" }, shapeOf(each), svg("text", { y: -9 })), (group, each) => {
    const most = Math.max(longest.get(each.id) ?? 1, each.due_in_ms);
    longest.set(each.id, most);
    // What does not move stands in a queue.
    const lane = `${each.source}>${each.to}`;
    const queued = each.is_held || each.is_stalled ? (stuck.get(lane) ?? 0) : 0;
    if (each.is_held || each.is_stalled) stuck.set(lane, queued + 1);
    const done = each.is_held || each.is_stalled ? 0.5 : Math.min(0.86, Math.max(0.14, 1 - each.due_in_ms / most));
    const [from, to] = [where.get(each.source), where.get(each.to)];
    // The way back is a lane of its own.
    const length = Math.hypot(to.x - from.x, to.y - from.y) || 1;
    const side = 7;
    const x = from.x + (to.x - from.x) * done - ((to.y - from.y) / length) * side;
    const y = from.y + (to.y - from.y) * done + ((to.x - from.x) / length) * side + queued * 22;
    set(group, { transform: `translate(${x.toFixed(1)} ${y.toFixed(1)})`, class: `message ${each.kind}${each.is_held ? " held" : ""}${each.is_stalled ? " stalled" : ""}${chosen === `message/${each.id}` ? " chosen" : ""}` });
    text(group.lastChild, `${each.api === "bytes" ? each.kind : each.api}${each.is_held ? " (held)" : each.is_stalled ? " (stuck)" : ""}`);
    pressable(group, `${each.api} ${each.kind} from ${each.source} to ${each.to}, ${bytes(each.size_bytes)}`, () => choose(`message/${each.id}`));
  });
}

const short = (name) => (name === "clients" ? "clients" : name.replace("node-", ""));

function shapeOf(message) {
  if (message.kind === "request") return svg("rect", { x: -6, y: -6, width: 12, height: 12, rx: 2 });
  if (message.kind === "response") return svg("circle", { r: 6.5 });
  return svg("path", { d: "M-5-5L5 5M5-5L-5 5" });
}

function makeNode() {
  return svg("g", { class: "node" }, svg("rect", { class: "box", rx: 10 }), svg("text", { class: "title" }), svg("text", { class: "state" }), svg("text", { class: "info a" }), svg("text", { class: "info b" }), svg("text", { class: "info c" }));
}

function updateNode(group, node, where, store, choose, chosen) {
  const [box, title, state, a, b, c] = group.children;
  if (node.id === "clients") {
    const place = where.get("clients");
    const clients = store.all("client");
    set(group, { transform: `translate(${place.x - 78} ${place.y - 46})`, class: `node clients${chosen === "clients" ? " chosen" : ""}` });
    set(box, { width: 156, height: NODE.height });
    put(title, 12, 24, "Clients"); put(state, 12, 42, clients.length ? `${clients.filter((each) => each.state === "running").length} of ${clients.length} run` : "none yet"); put(a, 12, 60, `${store.world.counts.acked ?? 0} acknowledged`); put(b, 12, 76, `${store.world.counts.processed ?? 0} processed`); put(c, 0, 0, "");
    pressable(group, "The clients' machine", () => choose("clients"));
    return;
  }
  const place = where.get(`node-${node.id}`);
  const words = node.is_paused ? "❚❚ paused" : { up: "● up", down: "✕ down", failed: "✕ failed", starting: "◐ starting", stopping: "◑ stopping" }[node.state] ?? node.state;
  const bad = node.state === "down" || node.state === "failed";
  set(group, { transform: `translate(${(place.x - NODE.width / 2).toFixed(1)} ${(place.y - NODE.height / 2).toFixed(1)})`, class: `node ${bad ? "bad" : node.is_paused || node.state !== "up" ? "warn" : node.is_fenced ? "warn" : "ok"}${chosen === `node/${node.id}` ? " chosen" : ""}` });
  set(box, { width: NODE.width, height: NODE.height });
  put(title, 12, 24, `${node.is_controller ? "★ " : ""}Node ${node.id}${node.rack ? ` · ${node.rack}` : ""}`);
  put(state, NODE.width - 12, 24, words);
  put(a, 12, 44, `leads ${node.leads} · ${node.is_controller ? "controller" : node.is_voter ? "voter" : "broker only"}${node.is_fenced ? " · ⊘ fenced" : ""}`);
  put(b, 12, 61, `disk ${bytes(node.disk_used_bytes)}${node.disk_full ? " · FULL" : ""}${node.disk_broken ? " · BROKEN" : ""}`);
  put(c, 12, 78, [node.unsynced_bytes ? `${bytes(node.unsynced_bytes)} in memory only` : "all on disk", node.slow_ms ? `+${node.slow_ms} ms` : "", node.clock_offset_ms ? `clock ${node.clock_offset_ms > 0 ? "+" : ""}${node.clock_offset_ms} ms` : ""].filter(Boolean).join(" · "));
  pressable(group, `Node ${node.id}, ${words}`, () => choose(`node/${node.id}`));
}

function put(element, x, y, words) { set(element, { x, y }); text(element, words); }
