// A file of records: its beginning is shown as it will be read, then it is sent as it is, with how far it is. The server
// reads on only as fast as the cluster takes the records.
import { count, make, safe, size } from "./safe.js";

const form = document.getElementById("produce-file");
const within = (name) => form.querySelector(`[data-${name}]`);
const field = (name) => document.getElementById(`f-${name}`);
const file = within("file"), send = form.querySelector("button[type=submit]"), cancel = within("cancel");
const isReadonly = "readonly" in document.body.dataset;
let sending = null, asked = 0, timer = 0;

const chosen = () => file.files[0] ?? null;

function query() {
  const said = new URLSearchParams({ format: field("format").value, compression: field("compression").value });
  if (field("format").value === "lines") {
    if (field("separator").value) said.set("separator", field("separator").value);
    if (field("null").value) said.set("null", field("null").value);
  } else for (const name of ["partitions", "timestamps"]) said.set(name, field(name).checked ? "1" : "0");
  return said;
}

function wrong(words) {
  const place = document.getElementById("f-file-error");
  place.textContent = words;
  place.hidden = !words;
  file.toggleAttribute("aria-invalid", Boolean(words));
  if (words) file.setAttribute("aria-describedby", "f-file-error f-file-help"); else file.setAttribute("aria-describedby", "f-file-help");
}

/** What a name says of what is in the file, as console/records/uploads.py has it. */
function formatOf(name) {
  const ending = name.split(".").pop().toLowerCase();
  return ["jsonl", "ndjson", "json"].includes(ending) ? "jsonl" : ending === "csv" ? "csv" : "lines";
}

function fit() {
  for (const each of form.querySelectorAll("[data-of]")) each.hidden = !each.dataset.of.split(" ").includes(field("format").value);
}

const quoted = (word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);

function command() {
  const said = query();
  const words = said.get("format") === "lines" ? ["stoker", "produce"] : ["stoker", "records", "import"];
  words.push(form.dataset.topic, chosen().name);
  if (said.get("separator")) words.push("--key-separator", said.get("separator").replaceAll("\\t", "\t"));
  if (said.get("null")) words.push("--null", said.get("null"));
  if (said.get("partitions") === "0") words.push("--any-partition");
  if (said.get("timestamps") === "0") words.push("--new-timestamps");
  if (said.get("format") !== "lines" && formatOf(chosen().name) !== said.get("format")) words.push("--format", said.get("format"));
  if (said.get("compression") !== "none") words.push("-z", said.get("compression"));
  document.getElementById("file-command").textContent = words.map((each) => quoted(safe(each))).join(" ");
  within("command").hidden = false;
}

async function preview() {
  const mine = ++asked;
  const picked = chosen();
  send.disabled = true;
  if (!picked) { within("preview").replaceChildren(); within("command").hidden = true; wrong(""); return; }
  command();
  if (picked.size > Number(form.dataset.bytesMax)) { wrong(`It has ${size(picked.size)}: too much for a browser. The command line has no such bound.`); return; }
  if (!picked.size) { wrong("There is nothing in it."); within("preview").replaceChildren(); return; }
  const most = Number(form.dataset.previewBytes);
  const said = query();
  if (picked.size <= most) said.set("whole", "1");
  try {
    const response = await fetch(`${form.action}/preview?${said}`, { method: "POST", credentials: "same-origin", headers: { Accept: "application/json", "Content-Type": "application/octet-stream" }, body: picked.slice(0, most) });
    const answer = await response.json();
    if (mine !== asked) return;
    if (!response.ok) { wrong(answer.message ?? "The console cannot read it."); return; }
    wrong(answer.problem ? safe(answer.problem) : "");
    draw(answer.records);
    send.disabled = isReadonly || Boolean(sending) || (answer.problem && !answer.records.length);
  } catch { if (mine === asked) wrong("It cannot be read, or the console cannot be reached."); }
}

/** The first records, as they will be sent. */
function draw(records) {
  const place = within("preview");
  if (!records.length) { place.replaceChildren(); return; }
  const table = make("table", "grid");
  const head = make("tr");
  const columns = [["key", "Key"], ["value", "Value"], ["headers", "Headers"], ["partition", "Partition"], ["timestamp", "Time"]].filter(([name]) => ["key", "value"].includes(name) || records.some((each) => each[name] !== null && each[name].length !== 0));
  for (const [, title] of columns) { const cell = make("th", "", title); cell.scope = "col"; head.append(cell); }
  const top = make("thead"), body = make("tbody");
  top.append(head);
  for (const each of records) {
    const row = make("tr");
    for (const [name] of columns) {
      const value = each[name];
      const text = value === null ? (name === "value" ? "null: a tombstone" : name === "key" ? "no key" : "-") : name === "timestamp" ? new Date(value).toISOString() : Array.isArray(value) ? value.join(", ") : String(value);
      row.append(make("td", value === null ? "none" : "mono", text));
    }
    body.append(row);
  }
  table.append(top, body);
  const box = make("div", "table-scroll file-preview");
  box.tabIndex = 0;
  box.setAttribute("role", "region");
  box.setAttribute("aria-label", "The first records");
  box.append(table);
  place.replaceChildren(make("p", "muted", records.length === 1 ? "The first record as it will be sent" : `The first ${records.length} records as they will be sent`), box);
}

function result(kind, title, words, links = []) {
  const notice = make("div", `notice ${kind}`), inside = make("div");
  inside.append(make("p", "notice-title", title));
  if (words) inside.append(make("p", "pre", words));
  if (links.length) {
    const line = make("p");
    links.forEach(([text, href], index) => { const link = make("a", "", text); link.href = href; line.append(index ? ", " : "", link); });
    inside.append(line);
  }
  notice.append(inside);
  document.getElementById("file-result").replaceChildren(notice);
}

function state(words) { within("state").textContent = words; }

function over() {
  sending = null;
  cancel.hidden = true;
  within("sending").hidden = true;
  send.disabled = isReadonly || !chosen();
}

function begin(picked) {
  const request = sending = new XMLHttpRequest(); // fetch does not tell how far an upload is
  request.open("POST", `${form.action}?${query()}`);
  request.setRequestHeader("Content-Type", "application/octet-stream");
  request.setRequestHeader("Accept", "application/json");
  request.responseType = "json";
  const bar = within("progress");
  bar.max = picked.size;
  bar.value = 0;
  within("sending").hidden = false;
  cancel.hidden = false;
  send.disabled = true;
  document.getElementById("file-result").replaceChildren();
  state("Sending…");
  request.upload.addEventListener("progress", (event) => { bar.value = event.loaded; state(event.loaded < picked.size ? `${size(event.loaded)} of ${size(picked.size)} sent` : "All of it was sent; waiting for the cluster…"); });
  request.addEventListener("load", () => {
    over();
    const said = request.response ?? {};
    if (request.status !== 200) { result("bad", said.message ?? `The console answered ${request.status}.`, said.hint ?? ""); return; }
    const sent = `${count(said.acknowledged_records)} record${said.acknowledged_records === 1 ? "" : "s"}, ${size(said.acknowledged_bytes)}, in ${said.seconds < 1 ? `${Math.round(said.seconds * 1000)} ms` : `${said.seconds.toFixed(said.seconds < 10 ? 1 : 0)} s`}`;
    const links = [["Show the newest", form.dataset.records], ["the oldest", `${form.dataset.records}?start=oldest`]];
    if (said.error) result(said.acknowledged_records ? "warn" : "bad", said.acknowledged_records ? `It ended early: ${sent} were acknowledged` : "Nothing was sent", safe(said.error), said.acknowledged_records ? links : []);
    else result("ok", `Sent: ${sent}`, "", links);
  });
  request.addEventListener("error", () => { over(); result("bad", "The console cannot be reached, or the file cannot be read any more", "What was acknowledged before that stays: the audit log has how many records."); });
  request.addEventListener("abort", () => { over(); result("warn", "Cancelled", "What was acknowledged before that stays: the audit log has how many records."); });
  request.send(picked);
}

file.addEventListener("change", () => { if (chosen()) field("format").value = formatOf(chosen().name); fit(); preview(); });
form.addEventListener("input", (event) => { if (event.target === file) return; fit(); clearTimeout(timer); timer = setTimeout(preview, 200); });
form.addEventListener("submit", (event) => { event.preventDefault(); if (chosen() && !sending && !send.disabled) begin(chosen()); });
form.addEventListener("keydown", (event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); form.requestSubmit(); } });
cancel.addEventListener("click", () => sending?.abort());
const drop = within("drop");
for (const name of ["dragenter", "dragover"]) drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("over"); });
for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("over"));
drop.addEventListener("drop", (event) => { event.preventDefault(); if (event.dataTransfer.files.length) { file.files = event.dataTransfer.files; file.dispatchEvent(new Event("change")); } });
addEventListener("beforeunload", (event) => { if (sending) event.preventDefault(); });
fit();
if (chosen()) preview();
