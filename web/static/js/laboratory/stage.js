// The cluster: nodes on a ring, the clients' machine beside them, links that do not work, and messages on their way.
import { bytes, keyed, pressable, set, svg, text } from "./dom.js";
import { along, between, layout, unit } from "./geometry.js";

const MESSAGES_MAX = 60;
/** With more on the way, names hide each other: they are shown for what is chosen, hovered or focused. */
const NAMED_MAX = 14;
const SIDE = 6;
const ROOM_FOR_WORDS = 100;
const longest = new Map();

export function drawStage(root, store, choose, chosen) {
  if (!root.layers) root.layers = Object.fromEntries(["links", "nodes", "words", "messages"].map((name) => [name, root.appendChild(svg("g", { class: name }))]));
  const nodes = store.all("node");
  const scale = unit();
  const width = Math.max(280, (root.parentElement.clientWidth || 700) / scale);
  const { height, where } = layout(nodes, width);
  set(root, { viewBox: `0 0 ${width.toFixed(1)} ${height}`, width: Math.round(width * scale), height: Math.round(height * scale) });
  drawLinks(root.layers, store, where, choose, chosen);
  keyed(root.layers.nodes, [{ id: "clients" }, ...nodes], (node) => node.id, makeNode, (group, node) => (node.id === "clients" ? updateClients(group, where.get("clients"), store, choose, chosen) : updateNode(group, node, where.get(`node-${node.id}`), choose, chosen)));
  drawMessages(root.layers.messages, store, where, choose, chosen);
}

// ---- links

function drawLinks(layers, store, where, choose, chosen) {
  const names = [...where.keys()];
  const faults = new Map((store.get("links") ?? []).map((link) => [`${link.source}>${link.to}`, link]));
  const pairs = [];
  for (let a = 0; a < names.length; a += 1) for (let b = a + 1; b < names.length; b += 1) pairs.push([names[a], names[b]]);
  keyed(layers.links, pairs, ([a, b]) => `${a}-${b}`, () => svg("g", {}, svg("line", { class: "wire" }), svg("line", { class: "hit" })), (group, [a, b]) => {
    const line = between(where.get(a), where.get(b));
    for (const each of group.children) set(each, Object.fromEntries(Object.entries(line).map(([key, value]) => [key, value.toFixed(1)])));
    const { words, kind } = linkState(a, b, faults);
    set(group, { class: `link${kind ? ` ${kind}` : ""}${chosen === `link/${a}/${b}` ? " chosen" : ""}` });
    pressable(group, `Link between ${a} and ${b}${words ? `: ${words}` : ""}`, () => choose(`link/${a}/${b}`));
  });
  const stuck = new Map();
  for (const each of store.get("messages") ?? []) if (each.is_stalled) { const lane = [each.source, each.to].sort().join(">"); stuck.set(lane, (stuck.get(lane) ?? 0) + 1); }
  const told = pairs.map(([a, b]) => ({ a, b, stuck: stuck.get([a, b].sort().join(">")), ...linkState(a, b, faults) })).filter((each) => each.words || each.stuck);
  keyed(layers.words, told, ({ a, b }) => `${a}-${b}`, () => svg("text", { class: "wire-words" }), (label, { a, b, words, kind, stuck: count }) => {
    const line = between(where.get(a), where.get(b));
    const at = along(line, 0.6);
    // Between boxes that are near each other there is room for a sign and a number; the button's name says all.
    const short = Math.hypot(line.x2 - line.x1, line.y2 - line.y1) < ROOM_FOR_WORDS;
    set(label, { x: at.x.toFixed(1), y: (at.y + 4).toFixed(1), class: `wire-words ${kind}` });
    text(label, short && kind === "cut" ? `✕${count ? ` ${count}` : ""}` : [words, count ? `${count} stuck` : ""].filter(Boolean).join(" · "));
  });
}

function linkState(a, b, faults) {
  const [there, back] = [faults.get(`${a}>${b}`), faults.get(`${b}>${a}`)];
  const cut = [there?.is_cut && `${short(a)}→${short(b)}`, back?.is_cut && `${short(b)}→${short(a)}`].filter(Boolean);
  const slow = there && !there.is_cut ? there : back && !back.is_cut ? back : null;
  if (cut.length) return { words: cut.length === 2 ? "✕ cut" : `✕ ${cut[0]}`, kind: "cut" };
  return slow ? { words: `${Math.round(slow.latency_ms)} ms`, kind: "slow" } : { words: "", kind: "" };
}

const short = (name) => (name === "clients" ? "clients" : name.replace("node-", ""));

// ---- messages

function drawMessages(layer, store, where, choose, chosen) {
  const messages = (store.get("messages") ?? []).filter((each) => where.has(each.source) && where.has(each.to)).slice(0, MESSAGES_MAX);
  const present = new Set(messages.map((each) => each.id));
  for (const id of longest.keys()) if (!present.has(id)) longest.delete(id);
  const stuck = new Map();
  set(layer, { class: `messages${messages.length > NAMED_MAX ? " many" : ""}` });
  keyed(layer, messages, (each) => each.id, (each) => svg("g", { class: "message" }, shapeOf(each), svg("text", { y: -9 })), (group, each) => {
    const most = Math.max(longest.get(each.id) ?? 1, each.due_in_ms);
    longest.set(each.id, most);
    const stands = each.is_held || each.is_stalled;
    // What does not move stands in a queue.
    const lane = `${each.source}>${each.to}`;
    const before = stuck.get(lane) ?? 0;
    if (stands) stuck.set(lane, before + 1);
    const done = stands ? Math.max(0.08, 0.38 - before * 0.1) : Math.min(1, Math.max(0, 1 - each.due_in_ms / most));
    // The way back is a lane of its own.
    const at = along(between(where.get(each.source), where.get(each.to), SIDE), done);
    group.style.transform = `translate(${at.x.toFixed(1)}px, ${at.y.toFixed(1)}px)`;
    set(group, { class: `message ${each.kind}${each.is_held ? " held" : ""}${each.is_stalled ? " stalled" : ""}${chosen === `message/${each.id}` ? " chosen" : ""}` });
    text(group.lastChild, `${each.api === "bytes" ? each.kind : each.api}${each.is_held ? " (held)" : each.is_stalled ? " (stuck)" : ""}`);
    pressable(group, `${each.api} ${each.kind} from ${each.source} to ${each.to}, ${bytes(each.size_bytes)}`, () => choose(`message/${each.id}`));
  });
}

function shapeOf(message) {
  if (message.kind === "request") return svg("rect", { x: -6, y: -6, width: 12, height: 12, rx: 2 });
  if (message.kind === "response") return svg("circle", { r: 6.5 });
  return svg("path", { d: "M-5-5L5 5M5-5L-5 5" });
}

// ---- hosts

function makeNode() {
  return svg("g", { class: "node" }, svg("rect", { class: "box", rx: 8 }), svg("text", { class: "title" }), svg("text", { class: "state" }), svg("text", { class: "info a" }), svg("text", { class: "info b" }));
}

function stand(group, place) {
  set(group, { transform: `translate(${(place.x - place.width / 2).toFixed(1)} ${(place.y - place.height / 2).toFixed(1)})` });
  set(group.firstChild, { width: place.width.toFixed(1), height: place.height });
}

function updateClients(group, place, store, choose, chosen) {
  const [, title, state, a, b] = group.children;
  const clients = store.all("client");
  const outside = store.get("outside");
  stand(group, place);
  set(group, { class: `node clients${chosen === "clients" ? " chosen" : ""}` });
  put(title, 10, 21, "Clients");
  put(state, place.width - 10, 21, "");
  const running = `${clients.filter((each) => each.state === "running").length} of ${clients.length} run`;
  put(a, 10, 40, outside ? `⇆ ${outside.connections} from outside` : clients.length ? running : "none yet: click");
  put(b, 10, 57, `${store.world.counts.acked ?? 0} acknowledged`);
  pressable(group, "The clients' machine", () => choose("clients"));
}

const STATES = { up: "● up", down: "✕ down", failed: "✕ failed", starting: "◐ starting", stopping: "◑ stopping" };

function updateNode(group, node, place, choose, chosen) {
  const [, title, state, a, b] = group.children;
  const words = node.is_paused ? "❚❚ paused" : STATES[node.state] ?? node.state;
  const kind = node.state === "down" || node.state === "failed" ? "bad" : node.is_paused || node.state !== "up" || node.is_fenced ? "warn" : "ok";
  stand(group, place);
  set(group, { class: `node ${kind}${chosen === `node/${node.id}` ? " chosen" : ""}` });
  put(title, 10, 21, `${node.is_controller ? "★ " : ""}Node ${node.id}`);
  put(state, place.width - 10, 21, words);
  put(a, 10, 40, [node.is_fenced ? "⊘ fenced" : `leads ${node.leads}`, node.is_controller ? "controller" : node.is_voter ? "voter" : "broker", node.rack ? `rack ${node.rack}` : ""].filter(Boolean).join(" · "));
  const wrong = [node.disk_full ? "disk FULL" : "", node.disk_broken ? "disk BROKEN" : "", node.slow_ms ? `+${node.slow_ms} ms` : "", node.clock_offset_ms ? `clock ${node.clock_offset_ms > 0 ? "+" : ""}${node.clock_offset_ms} ms` : ""].filter(Boolean);
  put(b, 10, 57, wrong.length ? wrong.join(" · ") : node.unsynced_bytes ? `${bytes(node.unsynced_bytes)} in memory${place.width < 156 ? "" : " only"}` : "all on disk");
  b.classList.toggle("wrong", wrong.length > 0);
  pressable(group, `Node ${node.id}, ${words}`, () => choose(`node/${node.id}`));
}

function put(element, x, y, words) { set(element, { x: Math.round(x), y }); text(element, words); }
