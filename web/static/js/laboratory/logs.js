// Logs record by record: a row for each replica, the leader's first, offsets in columns below each other.
import { html, keyed, pressable, set, svg, text } from "./dom.js";

const LABEL = 176;
const CELLS = [92, 66, 46];
/** As wide as all records find room in; values are read more easily then. */
const CHARACTER = 7;
const ROW = 58;
const TOP = 20;

export function drawLogs(root, store, choose, chosen) {
  const partitions = store.all("partition");
  keyed(root, partitions, (each) => `${each.topic}-${each.partition}`, makePartition, (element, each) => updatePartition(element, each, store, choose, chosen));
  const note = root.querySelector(".empty-note");
  if (partitions.length) note?.remove(); else if (!note) root.append(html("p", { class: "muted empty-note" }, "No topic yet: press a, and create one."));
}

function makePartition() {
  return html("div", { class: "lab-partition" }, html("button", { type: "button", class: "lab-partition-name" }), html("div", { class: "lab-rows" }, svg("svg", { role: "group" }, svg("g", { class: "axis-numbers" }), svg("g", { class: "rows" }))));
}

function updatePartition(element, partition, store, choose, chosen) {
  const name = `${partition.topic}-${partition.partition}`;
  const [head, body] = element.children;
  text(head, `${name}   leader ${partition.leader < 0 ? "nobody!" : `node ${partition.leader}`} · epoch ${partition.leader_epoch} · ISR ${partition.isr.join(", ") || "none"} of ${partition.replicas.join(", ")}${partition.elr.length ? ` · ELR ${partition.elr.join(", ")}` : ""} · min.insync ${partition.min_isr}`);
  head.className = `lab-partition-name${partition.leader < 0 ? " bad" : partition.isr.length < partition.replicas.length ? " warn" : ""}${chosen === `partition/${name}` ? " chosen" : ""}`;
  head.onclick = () => choose(`partition/${name}`);
  const logs = partition.replicas.map((node) => store.get(`log/${name}/${node}`)).filter(Boolean);
  logs.sort((a, b) => Number(b.node === partition.leader) - Number(a.node === partition.leader));
  const drawing = body.firstChild;
  const width = Math.max(300, body.clientWidth || 700);
  const space = width - LABEL - 40;
  const end = Math.max(0, ...logs.map((log) => log.log_end_offset));
  const begin = Math.min(end, ...logs.map((log) => log.log_start_offset));
  const cell = CELLS.find((each) => (end + 1 - begin) * each <= space) ?? CELLS.at(-1);
  const shown = Math.max(3, Math.floor(space / cell));
  const first = Math.max(0, end + 1 - shown);
  const height = TOP + logs.length * ROW + 4;
  set(drawing, { viewBox: `0 0 ${width} ${height}`, width, height });
  const [axis, rows] = drawing.children;
  const offsets = Array.from({ length: Math.min(shown, end - first + 1) }, (_, index) => first + index);
  keyed(axis, offsets, (each) => each, () => svg("text", { y: 13 }), (label, offset) => { set(label, { x: LABEL + (offset - first) * cell + cell / 2 }); text(label, String(offset)); });
  keyed(rows, logs, (log) => log.node, makeRow, (row, log) => updateRow(row, log, partition, { first, shown, cell, index: logs.indexOf(log), name, choose, chosen, width }));
}

function makeRow() {
  return svg("g", { class: "replica" }, svg("g", { class: "label" }, svg("text", { class: "who", x: 4, y: 24 }), svg("text", { class: "what", x: 4, y: 41 })), svg("line", { class: "track" }), svg("g", { class: "cells" }), svg("g", { class: "marks" }));
}

function updateRow(row, log, partition, { first, shown, cell: size, index, name, choose, width }) {
  const leads = log.node === partition.leader;
  set(row, { transform: `translate(0 ${TOP + index * ROW})`, class: `replica${leads ? " leads" : ""}${log.is_online ? "" : " offline"}` });
  const [label, track, cells, marks] = row.children;
  text(label.children[0], `${leads ? "♛" : log.is_leader ? "♕" : "○"} Node ${log.node} ${leads ? "leader" : log.is_leader ? "believes to lead" : "follower"}`);
  text(label.children[1], `${log.in_isr ? "✓ in sync" : "✗ out of sync"}${log.is_online ? ` · epoch ${log.epoch}` : " · offline"}`);
  pressable(label, `Replica of ${name} on node ${log.node}`, () => choose(`log/${name}/${log.node}`));
  const x = (offset) => LABEL + (offset - first) * size;
  set(track, { x1: LABEL, x2: width - 8, y1: 48, y2: 48 });
  const visible = log.records.filter((record) => record[0] >= first && record[0] < first + shown);
  keyed(cells, visible, (record) => record[0], () => svg("g", {}, svg("rect", { y: 14, height: 34, rx: 4 }), svg("text", { class: "value", y: 30 }), svg("text", { class: "epoch", y: 43 }), svg("title")), (cell, record) => {
    const [offset, epoch, key, value, producer, flags] = record;
    const committed = offset < log.high_watermark;
    const durable = offset < log.durable_end_offset;
    set(cell, { transform: `translate(${x(offset) + 2} 0)`, class: `record e${epoch % 4}${committed ? " committed" : ""}${durable ? "" : " memory"}${flags & 2 ? " tombstone" : ""}${flags & 1 ? " control" : ""}` });
    set(cell.children[0], { width: size - 4 });
    for (const words of [cell.children[1], cell.children[2]]) set(words, { x: (size - 4) / 2 });
    const room = Math.floor((size - 10) / CHARACTER);
    text(cell.children[1], flags & 2 ? "∅" : value.length > room ? `…${value.slice(1 - room)}` : value);
    text(cell.children[2], `e${epoch}${key == null ? "" : ` ${key.length > 4 ? `${key.slice(0, 3)}…` : key}`}`);
    text(cell.children[3], `Offset ${offset}, leader epoch ${epoch}\nkey ${key ?? "(none)"}, value ${flags & 2 ? "(tombstone)" : value}${producer >= 0 ? `\nproducer id ${producer}` : ""}\n${committed ? "committed: below the high watermark" : "not committed yet"}\n${durable ? "on the disk" : "in memory only: gone after a power cut"}`);
  });
  const flags = [];
  const add = (id, offset, words) => { if (offset >= first && offset <= first + shown) flags.push({ id, offset, words }); };
  add("leo", log.log_end_offset, "LEO");
  if (log.high_watermark >= 0) add("hw", log.high_watermark, "HW");
  if (log.last_stable_offset >= 0 && log.last_stable_offset !== log.high_watermark) add("lso", log.last_stable_offset, "LSO");
  if (log.log_start_offset > 0) add("start", log.log_start_offset, "LSTART");
  const at = new Map();
  for (const flag of flags) { const same = at.get(flag.offset); if (same) same.words += `·${flag.words}`; else at.set(flag.offset, { ...flag }); }
  keyed(marks, [...at.values()], (flag) => flag.id, (flag) => svg("g", { class: `mark ${flag.id}` }, svg("path"), svg("text", { y: 9 })), (mark, flag) => {
    set(mark, { transform: `translate(${x(flag.offset)} 0)` });
    set(mark.firstChild, { d: "M0 11V51M-4 11H4L0 16Z" });
    text(mark.lastChild, flag.words);
  });
}
