// Logs record by record: a row for each replica, the leader's first, offsets in columns below each other; then who reads
// where, and what was acknowledged and is nowhere any more.
import { html, keyed, pressable, set, svg, text } from "./dom.js";
import { unit } from "./geometry.js";

/** Columns of the labels, and of those where there is little room. */
const [LABEL, LABEL_NARROW] = [150, 88];
const NARROW = 420;
const CELLS = [92, 66, 46];
/** As wide as all records find room in; values are read more easily then. */
const [CHARACTER, SMALL] = [7, 5.9];
const ROW = 50;
const TOP = 16;
const LINE = 22;

export function drawLogs(root, store, choose, chosen) {
  const partitions = store.all("partition");
  keyed(root, partitions, nameOf, makePartition, (element, each) => updatePartition(element, each, store, choose, chosen));
  const note = root.querySelector(".empty-note");
  if (partitions.length) note?.remove(); else if (!note) root.append(html("p", { class: "muted empty-note" }, "No topic yet: press a, and create one."));
}

const nameOf = (partition) => `${partition.topic}-${partition.partition}`;

function makePartition() {
  return html("div", { class: "lab-partition" }, html("button", { type: "button", class: "lab-partition-name" }, html("strong"), html("span")), html("div", { class: "lab-rows" }, svg("svg", { role: "group" }, svg("g", { class: "axis-numbers" }), svg("g", { class: "rows" }), svg("g", { class: "readers" }), svg("g", { class: "ghosts" }))));
}

function updatePartition(element, partition, store, choose, chosen) {
  const name = nameOf(partition);
  const [head, body] = element.children;
  text(head.children[0], name);
  text(head.children[1], [
    partition.leader < 0 ? "✖ no leader" : `leader ${partition.leader}`, `epoch ${partition.leader_epoch}`,
    `ISR ${partition.isr.join(", ") || "none"} of ${partition.replicas.join(", ")}`, partition.elr.length ? `ELR ${partition.elr.join(", ")}` : "", `min.insync ${partition.min_isr}`,
  ].filter(Boolean).join(" · "));
  head.className = `lab-partition-name${partition.leader < 0 ? " bad" : partition.isr.length < partition.replicas.length ? " warn" : ""}${chosen === `partition/${name}` ? " chosen" : ""}`;
  head.onclick = () => choose(`partition/${name}`);
  const logs = partition.replicas.map((node) => store.get(`log/${name}/${node}`)).filter(Boolean);
  logs.sort((a, b) => Number(b.node === partition.leader) - Number(a.node === partition.leader));
  const lost = (store.get("lost") ?? []).filter((each) => each.topic === partition.topic && each.partition === partition.partition);
  const readers = readersOf(partition, store);
  const drawing = body.firstChild;
  const scale = unit();
  const width = Math.max(280, (body.clientWidth || 700) / scale);
  const label = width < NARROW ? LABEL_NARROW : LABEL;
  const space = width - label - 30;
  const end = Math.max(0, ...logs.map((log) => log.log_end_offset), ...lost.map((each) => each.offset + 1));
  const begin = Math.min(end, ...logs.map((log) => log.log_start_offset));
  const cell = CELLS.find((each) => (end + 1 - begin) * each <= space) ?? CELLS.at(-1);
  const shown = Math.max(3, Math.floor(space / cell));
  const first = Math.max(0, end + 1 - shown);
  const grid = { first, shown, cell, width, label, x: (offset) => label + (offset - first) * cell };
  const rowsEnd = TOP + logs.length * ROW;
  const height = rowsEnd + (readers.length ? LINE : 0) + (lost.length ? LINE + 10 : 0) + 2;
  set(drawing, { viewBox: `0 0 ${width.toFixed(1)} ${height}`, width: Math.round(width * scale), height: Math.round(height * scale) });
  const [axis, rows, reading, ghosts] = drawing.children;
  const offsets = Array.from({ length: Math.min(shown, end - first + 1) }, (_, index) => first + index);
  keyed(axis, offsets, (each) => each, () => svg("text", { y: 10 }), (label, offset) => { set(label, { x: grid.x(offset) + cell / 2 }); text(label, String(offset)); });
  keyed(rows, logs, (log) => log.node, makeRow, (row, log) => updateRow(row, log, partition, { ...grid, index: logs.indexOf(log), name, choose }));
  drawReaders(reading, readers, grid, rowsEnd);
  drawLost(ghosts, lost, grid, rowsEnd + (readers.length ? LINE : 0));
}

// ---- replicas

function makeRow() {
  return svg("g", { class: "replica" }, svg("g", { class: "label" }, svg("text", { class: "who", x: 4, y: 22 }), svg("text", { class: "what", x: 4, y: 38 })), svg("line", { class: "track" }), svg("g", { class: "cells" }), svg("g", { class: "marks" }));
}

function updateRow(row, log, partition, { first, shown, cell: size, index, name, choose, width, label: space, x }) {
  const leads = log.node === partition.leader;
  set(row, { transform: `translate(0 ${TOP + index * ROW})`, class: `replica${leads ? " leads" : ""}${log.is_online ? "" : " offline"}` });
  const [label, track, cells, marks] = row.children;
  text(label.children[0], `${leads ? "♛" : log.is_leader ? "♕" : "○"} Node ${log.node} ${leads ? "leads" : log.is_leader ? "“leads”" : ""}`.trim());
  const [sync, state] = [log.in_isr ? "✓ in sync" : "✗ out of sync", log.is_online ? `epoch ${log.epoch}` : "offline"];
  text(label.children[1], space === LABEL ? `${sync} · ${state}` : log.is_online ? sync : state);
  pressable(label, `Replica of ${name} on node ${log.node}${log.is_leader && !leads ? ", which believes to lead" : ""}`, () => choose(`log/${name}/${log.node}`));
  set(track, { x1: space, x2: width - 8, y1: 45, y2: 45 });
  const visible = log.records.filter((record) => record[0] >= first && record[0] < first + shown);
  keyed(cells, visible, (record) => record[0], () => svg("g", {}, svg("rect", { y: 13, height: 32, rx: 4 }), svg("text", { class: "value", y: 28 }), svg("text", { class: "epoch", y: 40 }), svg("title")), (cell, record) => updateRecord(cell, record, log, size, x));
  const flags = [];
  const add = (id, offset, words) => { if (offset >= first && offset <= first + shown) flags.push({ id, offset, words }); };
  add("leo", log.log_end_offset, "LEO");
  if (log.high_watermark >= 0) add("hw", log.high_watermark, "HW");
  if (log.last_stable_offset >= 0 && log.last_stable_offset !== log.high_watermark) add("lso", log.last_stable_offset, "LSO");
  if (log.log_start_offset > 0) add("start", log.log_start_offset, "START");
  const at = new Map();
  for (const flag of flags) { const same = at.get(flag.offset); if (same) same.words += `·${flag.words}`; else at.set(flag.offset, { ...flag }); }
  keyed(marks, [...at.values()], (flag) => flag.id, (flag) => svg("g", { class: `mark ${flag.id}` }, svg("path"), svg("text", { y: 8 })), (mark, flag) => {
    set(mark, { transform: `translate(${x(flag.offset)} 0)` });
    set(mark.firstChild, { d: "M0 10V47M-4 10H4L0 15Z" });
    text(mark.lastChild, flag.words);
  });
}

function updateRecord(cell, record, log, size, x) {
  const [offset, epoch, key, value, producer, flags] = record;
  const committed = offset < log.high_watermark;
  const durable = offset < log.durable_end_offset;
  set(cell, { transform: `translate(${x(offset) + 2} 0)`, class: `record e${epoch % 4}${committed ? " committed" : ""}${durable ? "" : " memory"}${flags & 2 ? " tombstone" : ""}${flags & 1 ? " control" : ""}` });
  set(cell.children[0], { width: size - 4 });
  for (const words of [cell.children[1], cell.children[2]]) set(words, { x: (size - 4) / 2 });
  text(cell.children[1], flags & 2 ? "∅" : fitting(value, size));
  const room = Math.floor((size - 6) / SMALL) - `e${epoch} `.length;
  text(cell.children[2], `e${epoch}${key == null || room < 1 ? "" : ` ${key.length > room ? `${key.slice(0, Math.max(1, room - 1))}…` : key}`}`);
  text(cell.children[3], `Offset ${offset}, leader epoch ${epoch}\nkey ${key ?? "(none)"}, value ${flags & 2 ? "(tombstone)" : value}${producer >= 0 ? `\nproducer id ${producer}` : ""}\n${committed ? "committed: below the high watermark" : "not committed yet, as far as this replica knows"}\n${durable ? "on the disk" : "in memory only: gone after a power cut"}`);
}

/** As much of a value as there is room for: the end of numbered ones, for there they differ; else the beginning. */
function fitting(value, size) {
  const room = Math.floor((size - 10) / CHARACTER);
  if (value.length <= room) return value;
  return /\d$/.test(value) ? `…${value.slice(1 - room)}` : `${value.slice(0, room - 1)}…`;
}

// ---- readers

/** Where groups have committed to, and where consumers without a group are. */
function readersOf(partition, store) {
  const found = [];
  for (const group of store.all("group")) for (const each of group.offsets) if (each.topic === partition.topic && each.partition === partition.partition && each.committed >= 0) found.push({ name: group.group, offset: each.committed, words: `▲ ${group.group}`, title: `Group ${group.group} has committed offset ${each.committed}: that is the next record for it. Lag ${each.lag}.` });
  for (const client of store.all("client")) {
    const position = client.kind === "consumer" && client.topic === partition.topic ? client.positions.find(([index]) => index === partition.partition) : null;
    if (position) found.push({ name: client.name, offset: position[1], words: `△ ${client.name}`, title: `Consumer ${client.name} reads offset ${position[1]} next.` });
  }
  return found;
}

function drawReaders(layer, readers, grid, top) {
  const at = new Map();
  for (const each of readers) {
    const offset = Math.min(Math.max(each.offset, grid.first), grid.first + grid.shown);
    const same = at.get(offset);
    if (same) { same.words += ` ${each.words}`; same.title += `\n${each.title}`; } else at.set(offset, { ...each, offset, words: each.offset < grid.first ? `← ${each.words}` : each.words });
  }
  const shown = [...at.values()].sort((a, b) => a.offset - b.offset);
  keyed(layer, shown.length ? [{ name: "", label: true }, ...shown] : [], (each) => each.name, () => svg("g", {}, svg("text"), svg("title")), (group, each) => {
    if (each.label) { set(group, { class: "reader-label", transform: `translate(4 ${top + 14})` }); text(group.firstChild, "Readers"); return; }
    const x = grid.x(each.offset);
    const left = x > grid.width - 90;
    set(group, { class: "reader", transform: `translate(${left ? x + 4 : x - 4} ${top + 14})` });
    set(group.firstChild, { "text-anchor": left ? "end" : "start" });
    text(group.firstChild, left ? each.words.replace(/^(← )?(.) (.*)$/, "$1$3 $2") : each.words);
    text(group.lastChild, each.title);
  });
}

// ---- what was lost

function drawLost(layer, lost, grid, top) {
  const visible = lost.filter((each) => each.offset >= grid.first && each.offset < grid.first + grid.shown);
  const items = lost.length ? [{ label: true, id: "label", count: lost.length }, ...visible.map((each, index) => ({ ...each, id: `${each.offset}-${index}` }))] : [];
  keyed(layer, items, (each) => each.id, (each) => (each.label ? svg("text", { class: "lost-label", x: 4 }) : svg("g", { class: "ghost" }, svg("rect", { height: 24, rx: 4 }), svg("text", { y: 16 }), svg("path"), svg("title"))), (element, each) => {
    if (each.label) { set(element, { y: top + 20 }); text(element, `✖ Lost: ${each.count}`); return; }
    const size = grid.cell;
    set(element, { transform: `translate(${grid.x(each.offset) + 2} ${top + 4})` });
    set(element.children[0], { width: size - 4 });
    set(element.children[1], { x: (size - 4) / 2 });
    text(element.children[1], fitting(each.value, size));
    set(element.children[2], { d: `M3 21L${size - 7} 3` });
    text(element.children[3], `“${each.value}” was acknowledged at offset ${each.offset} (acks=${each.acks < 0 ? "all" : each.acks}), and is on no replica any more.`);
  });
}
