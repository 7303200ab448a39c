// The SQL page: plan while one types, run when one says so, and the result as a table and as a chart. An address brings a
// statement here; it is never run by that.
import { copyText } from "../copy.js";
import { toast } from "../dialog.js";
import { count, make, safe, size } from "../records/safe.js";
import { base, failure, failureOf, lines } from "../records/stream.js";
import { POINTS_MAX, showChart } from "./chart.js";
import { Editor } from "./editor.js";
import { Grid } from "./grid.js";
import { showHistory, showSave, showSaved, showTables } from "./kept.js";
import { parametersOf, quoted } from "./words.js";

const FIRST_ROWS = 500;
const PLAN_AFTER_MS = 450;

const form = document.getElementById("sql");
const result = document.getElementById("result");
const within = (root, name) => root.querySelector(`[data-${name}]`);
const plan = within(form, "plan"), runButton = within(form, "run"), cancelButton = within(form, "cancel"), parameterRoom = within(form, "params"), committed = within(form, "committed");
const grid = new Grid(within(result, "grid"));
let given = JSON.parse(parameterRoom.dataset.given || "{}");
let running = null; // {id, abort}
let done = null; // the result's view when it is over
let view = new URL(location.href).searchParams.get("view") === "chart" ? "chart" : "table";
let planTimer = 0, planRequest = null;

const editor = new Editor(within(form, "editor"), { run: () => form.requestSubmit(), changed: () => { parameters(); planLater(); } });

/** A field for each $name. */
function parameters() {
  const names = parametersOf(editor.text).slice(0, 100);
  const shown = [...parameterRoom.querySelectorAll("input")].map((each) => each.name);
  if (names.join("\n") === shown.join("\n")) return;
  for (const each of parameterRoom.querySelectorAll("input")) given[each.name] = each.value;
  parameterRoom.replaceChildren(...names.map((name) => {
    const box = make("div", "field");
    const label = make("label", "mono", `$${name}`);
    const input = make("input");
    input.id = `p-${name}`;
    label.htmlFor = input.id;
    input.name = name;
    input.value = given[name] ?? "";
    input.autocomplete = "off";
    input.spellcheck = false;
    input.placeholder = "text, number, or null";
    input.addEventListener("input", planLater);
    box.append(label, input);
    return box;
  }));
  parameterRoom.hidden = !names.length;
}

/** Numbers, true, false and null are those; anything else, and what is in quotes, is text. */
function valueOf(text) {
  const word = text.trim();
  if (/^-?\d{1,15}$/.test(word) || /^-?\d*\.\d+(e[+-]?\d+)?$/i.test(word)) return Number(word);
  if (["true", "false", "null"].includes(word)) return JSON.parse(word);
  return /^'.*'$/.test(word) ? word.slice(1, -1) : text;
}
const typedParameters = () => Object.fromEntries([...parameterRoom.querySelectorAll("input")].map((each) => [each.name, each.value]));
const question = () => ({ sql: editor.text, parameters: Object.fromEntries(Object.entries(typedParameters()).map(([name, text]) => [name, valueOf(text)])), isolation: committed.checked ? "read_committed" : "read_uncommitted" });
const post = (body, signal) => ({ method: "POST", signal, credentials: "same-origin", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

function address() {
  const url = new URL(location.pathname, location.href);
  if (editor.text.trim()) url.searchParams.set("q", editor.text);
  for (const [name, text] of Object.entries(typedParameters())) url.searchParams.set(`p.${name}`, text);
  if (committed.checked) url.searchParams.set("committed", "1");
  if (view !== "table") url.searchParams.set("view", view);
  return url;
}

function planLater() {
  clearTimeout(planTimer);
  planTimer = setTimeout(showPlan, PLAN_AFTER_MS);
}

async function showPlan() {
  planRequest?.abort();
  if (!editor.text.trim()) { plan.replaceChildren(); return; }
  if (running) return;
  planRequest = new AbortController();
  const request = planRequest;
  plan.setAttribute("aria-busy", "true");
  try {
    const response = await fetch(`${base()}/api/sql/check`, post(question(), request.signal));
    if (!response.ok) throw await failureOf(response);
    const said = await response.json();
    if (said.problem) throw failure(said.problem);
    drawPlan(said.plan);
  } catch (error) {
    if (error.name === "AbortError") return;
    plan.replaceChildren(...problem(error));
    plan.dataset.state = "wrong";
  } finally { if (request === planRequest) plan.removeAttribute("aria-busy"); }
}

/** What is wrong, and below it the lines that point into the statement. */
function problem(error) {
  const [words, ...lines] = error.message.split("\n");
  const shown = [make("p", "field-error", safe(words))];
  if (lines.some((each) => each.trim())) shown.push(make("pre", "mono sql-where", lines.map(safe).join("\n").trimEnd()));
  return shown;
}

function drawPlan(said) {
  plan.dataset.state = "planned";
  const rows = said.scans.map((scan) => {
    const box = make("div");
    const line = make("div", "plan-line");
    const partitions = scan.ranges.map((each) => each.partition);
    const words = make("span");
    words.append("Reads ", make("b", "mono", safe(scan.topic)), scan.counted ? ": nothing, its offsets say it all" : `: ${count(scan.records)} records`, ...(scan.bytes && !scan.counted ? [`, about ${size(scan.bytes)}`] : []), ...(scan.cached_records ? [` (${count(scan.cached_records)} are here already)`] : []));
    line.append(words, make("span", "muted", `${partitions.length} of ${scan.partition_count} partitions${scan.columns.length ? `; ${scan.columns.map(safe).join(", ")}` : ""}`));
    box.append(line);
    if (scan.partition_count > 1 && scan.partition_count <= 200) {
      const bar = make("div", "plan-parts");
      bar.title = `Partitions ${partitions.join(", ") || "none"}`;
      for (let each = 0; each < scan.partition_count; each++) bar.append(make("i", partitions.includes(each) ? "on" : ""));
      box.append(bar);
    }
    for (const note of scan.notes) box.append(make("p", "muted", safe(note)));
    return box;
  });
  if (said.tables.length) rows.push(make("p", "", `Asks the cluster for ${said.tables.map(safe).join(", ")}.`));
  if (!rows.length) rows.push(make("p", "muted", "Reads no topic."));
  for (const note of said.notes) rows.push(make("p", "muted", safe(note)));
  for (const each of said.missing) rows.push(make("p", "warn-text", `Missing: ${safe(each.what)}: ${safe(each.reason)}`));
  if (said.duckdb_plan) {
    const more = make("details");
    more.append(make("summary", "", "DuckDB's plan"), make("pre", "mono", said.duckdb_plan));
    rows.push(more);
  }
  plan.replaceChildren(...rows);
}

function state(words, kind = "") {
  const place = within(result, "state");
  place.textContent = words;
  place.className = `stream-count ${kind}`;
}

function notes(said) {
  const place = within(result, "notes");
  place.replaceChildren(...said.map(([kind, words]) => { const box = make("p", `stream-bar ${kind}`, words); return box; }));
}

async function run() {
  if (!editor.text.trim()) { editor.area.focus(); return; }
  if (running) { await cancel(); }
  clearTimeout(planTimer);
  planRequest?.abort();
  const abort = new AbortController();
  const mine = { id: null, abort };
  running = mine;
  done = null;
  result.hidden = false;
  result.dataset.state = "running";
  document.querySelector("[data-examples]")?.remove();
  // A button that is out of use has no focus to keep: who ran it goes on to the rows.
  if (document.activeElement === runButton) grid.box.focus({ preventScroll: true });
  runButton.disabled = true;
  cancelButton.hidden = false;
  notes([]);
  grid.begin(null, []);
  within(result, "exports").replaceChildren();
  within(result, "progress").removeAttribute("value");
  if (address().href !== location.href) history.pushState(null, "", address());
  const began = performance.now();
  state("Waiting…");
  result.scrollIntoView({ block: "nearest" });
  let rows = 0;
  try {
    for await (const { event, data } of lines(`${base()}/api/sql`, post({ ...question(), rows_streamed: FIRST_ROWS }, abort.signal))) {
      if (event === "begin") { mine.id = data.id; grid.id = data.id; }
      if (event === "columns") { grid.setColumns(data); }
      if (event === "rows") { grid.put(data.from, data.rows); rows = Math.max(rows, data.from + data.rows.length); grid.setCount(rows); }
      if (event === "progress") {
        rows = Math.max(rows, data.rows);
        if (rows !== grid.count) grid.setCount(rows);
        const bar = within(result, "progress");
        if (data.expected) { bar.max = data.expected; bar.value = Math.min(data.records, data.expected); } else bar.removeAttribute("value");
        state(`${data.state === "waiting" ? "Waiting for another query" : "Running"}: ${count(data.records)}${data.expected ? ` of ${count(data.expected)}` : ""} records read, ${count(rows)} rows, ${((performance.now() - began) / 1000).toFixed(1)} s`);
      }
      if (event === "finished") finish(data);
      if (event === "failed") throw failure(data);
    }
  } catch (error) {
    if (error.name === "AbortError") state(`Cancelled. ${count(grid.count)} rows came.`);
    else { plan.replaceChildren(); state("It failed.", "warn-text"); const box = make("div", "stream-bar"); const inside = make("div"); inside.append(...problem(error)); box.append(inside); within(result, "notes").replaceChildren(box); result.dataset.state = "failed"; }
    within(result, "progress").value = 0;
  } finally {
    if (running === mine) running = null;
    runButton.disabled = false;
    cancelButton.hidden = true;
    if (view === "chart") chart();
  }
}

function finish(said) {
  done = said;
  result.dataset.state = "finished";
  grid.setCount(said.rows_total);
  const bar = within(result, "progress");
  bar.max = 1;
  bar.value = 1;
  const cost = said.statistics;
  const words = [`${count(said.rows_total)} row${said.rows_total === 1 ? "" : "s"} in ${cost.elapsed_ms < 1000 ? `${cost.elapsed_ms} ms` : `${(cost.elapsed_ms / 1000).toFixed(1)} s`}`];
  if (cost.counted) words.push("counted from offsets");
  else if (cost.records_read) words.push(`${count(cost.records_read)} records read, ${size(cost.bytes_read)}`);
  state(words.join(" · "));
  const told = [];
  if (cost.truncated) told.push(["warn-text", `Cut at the limit of ${cost.truncated === "rows" ? `${count(said.rows_max)} rows` : "what a result may take"}: there are more.`]);
  for (const each of cost.missing) told.push(["warn-text", `Missing: ${safe(each.what)}: ${safe(each.reason)}`]);
  for (const each of cost.notes) told.push(["muted", safe(each)]);
  notes(told);
  within(result, "exports").replaceChildren(...[["csv", "CSV"], ["jsonl", "JSON lines"], ["parquet", "Parquet"]].map(([kind, title]) => {
    const item = make("li");
    const link = make("a", "", title);
    link.href = `${base()}/api/sql/results/${said.id}/export?format=${kind}`;
    link.download = "";
    item.append(link);
    return item;
  }));
  if (!said.rows_total) within(result, "notes").append(make("p", "empty", "No rows."));
  document.body.dataset.sqlMs = cost.elapsed_ms;
}

async function cancel() {
  const mine = running;
  if (!mine) return;
  mine.abort.abort();
  if (mine.id) await fetch(`${base()}/api/sql/results/${mine.id}`, { method: "DELETE", credentials: "same-origin" }).catch(() => {});
}

async function chart() {
  const room = within(result, "chart-room");
  if (!grid.id || !grid.count) { room.replaceChildren(make("p", "muted", "There are no rows to draw.")); return; }
  room.replaceChildren(make("p", "muted", "Drawing…"));
  try {
    const rows = await grid.rows(0, Math.min(POINTS_MAX, grid.count));
    if (view === "chart") showChart(room, grid.columns, rows, grid.count);
  } catch (error) { room.replaceChildren(make("p", "field-error", error.message)); }
}

function show(name) {
  view = name;
  history.replaceState(history.state, "", address());
  for (const tab of result.querySelectorAll("[data-show]")) tab.setAttribute("aria-selected", String(tab.dataset.show === name));
  grid.box.hidden = name !== "table";
  within(result, "chart-room").hidden = name !== "chart";
  if (name === "chart") chart(); else grid.list.later();
}

form.addEventListener("submit", (event) => { event.preventDefault(); run(); });
cancelButton.addEventListener("click", cancel);
committed.addEventListener("change", planLater);
result.addEventListener("click", (event) => { const tab = event.target.closest("[data-show]"); if (tab) show(tab.dataset.show); });
result.addEventListener("stoker:gone", () => notes([["warn-text", "The result is no longer kept: run the query again."]]));
let resizing = 0;
addEventListener("resize", () => { clearTimeout(resizing); resizing = setTimeout(() => { if (view === "chart") chart(); }, 200); });
addEventListener("popstate", () => {
  const said = new URL(location.href).searchParams;
  given = Object.fromEntries([...said].filter(([name]) => name.startsWith("p.")).map(([name, text]) => [name.slice(2), text]));
  committed.checked = said.get("committed") === "1";
  editor.set(said.get("q") ?? "");
  for (const [name, text] of Object.entries(given)) { const input = document.getElementById(`p-${name}`); if (input) input.value = text; }
});
// From anywhere on the page, not from the editor alone.
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.defaultPrevented || document.querySelector("dialog[open]")) return;
  event.preventDefault();
  form.requestSubmit();
});
addEventListener("pagehide", () => running?.abort.abort());
document.addEventListener("click", (event) => {
  const action = event.target.closest("[data-sql]")?.dataset.sql;
  const use = (each) => { editor.set(each.text); };
  if (action === "saved") showSaved(use);
  if (action === "history") showHistory(use);
  if (action === "tables") showTables(editor.words(), (table) => { if (editor.text.trim()) editor.insert(quoted(table.name)); else editor.set(`select * from ${quoted(table.name)} limit 100`); });
  if (action === "save") { if (editor.text.trim()) showSave(editor.text); else toast("There is no statement to save.", "warn"); }
  if (action === "link") copyText(address().href).then(() => toast("The link is copied. Who opens it sees the plan first."));
});

for (const tab of result.querySelectorAll("[data-show]")) tab.setAttribute("aria-selected", String(tab.dataset.show === view));
grid.box.hidden = view !== "table";
within(result, "chart-room").hidden = view !== "chart";
parameters();
if (editor.text.trim()) { showPlan(); runButton.focus(); } else editor.area.focus();
