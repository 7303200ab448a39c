// Search: matches as they are found, and an account of everything that was looked at. It can be stopped, and goes on where
// it was; what a lost connection interrupted, too.
import { copyText } from "../copy.js";
import { whenTimesChange } from "../time.js";
import { List, withKeys } from "./list.js";
import { drawRecord, hrefOf, keyOf, valueOf } from "./row.js";
import { count, make, size } from "./safe.js";
import { base, failure, lines, nextFrame } from "./stream.js";

const section = document.getElementById("search");
if (section) begin();

function begin() {
  const find = (name) => section.querySelector(`[data-${name}]`);
  let records = [];
  let token = null, abort = null, finished = false, running = false, stopped = false;
  let latest = null, matched = 0;
  const list = new List(find("list"), { height: 26, draw: (row, index) => drawRecord(row, records[index], { day: true }) });
  section.classList.add("days");
  whenTimesChange(() => list.redraw());
  withKeys(list, { page: true, open: (index) => location.assign(hrefOf(records[index])), copy: (index) => copyText(`${keyOf(records[index])}\t${valueOf(records[index])}`) });

  function account(data) {
    const rows = [["Looked at", count(data.scanned)], ["of", count(data.to_scan)], ["Matched", count(data.matched)], ["Undecodable", count(data.undecodable)]];
    if (data.hidden) rows.push(["Hidden", count(data.hidden)]);
    if (data.skipped) rows.push(["Skipped", count(data.skipped)]);
    if (data.damaged.length) rows.push(["Damaged", data.damaged.join("; ")]);
    rows.push(["Read", size(data.bytes)]);
    if (!data.finished) { rows.push(["Speed", `${count(Math.round(data.offsets_per_second))}/s`]); if (data.seconds_left !== null) rows.push(["Left", `${Math.ceil(data.seconds_left)} s`]); }
    find("account").replaceChildren(...rows.map(([title, text]) => { const line = document.createElement("div"); line.append(make("dt", "", title), make("dd", "", text)); return line; }));
    find("progress").max = Math.max(1, data.to_scan);
    find("progress").value = data.finished || !data.to_scan ? find("progress").max : data.scanned;
  }

  function state(words) { find("state").textContent = words; }

  async function run() {
    abort = new AbortController();
    running = true;
    finished = false;
    stopped = false;
    find("stop").hidden = false;
    find("more").hidden = true;
    state("Searching…");
    const limit = Number(section.dataset.limit);
    const source = token === null
      ? lines(section.dataset.stream, { signal: abort.signal })
      : lines(`${base()}/api/search`, { method: "POST", signal: abort.signal, headers: { "Content-Type": "application/json" }, body: JSON.stringify({ token, limit, characters_max: 1024 }) });
    try {
      for await (const { event, data } of source) {
        if (event === "failed") throw failure(data);
        latest = data;
        token = data.token;
        matched = data.matched;
        finished = data.finished;
        for (const each of data.records) records.push(each);
        if (data.records.length) list.reset(records.length);
        account(data);
        if (finished) break;
        await nextFrame();
      }
    } catch (error) {
      if (error.name !== "AbortError") { state(error.message); find("more").hidden = token === null; section.dataset.state = records.length ? "stopped" : "failed"; return; }
      stopped = true;
    } finally {
      running = false;
      find("stop").hidden = true;
    }
    find("more").hidden = finished || token === null;
    state(finished ? `Everything was looked at: ${count(matched)} matched.` : stopped ? "Stopped. It can go on where it was." : `${count(records.length)} found so far; there may be more.`);
    section.dataset.state = finished ? "finished" : "stopped";
  }

  find("stop").addEventListener("click", () => abort?.abort());
  find("more").addEventListener("click", () => { if (!running) run(); });
  addEventListener("pagehide", () => abort?.abort());
  if (section.dataset.begins === "1") run();
}
