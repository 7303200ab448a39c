// Live tail. Lines are parsed and shown within a budget of each frame; while too much waits nothing more is read, and the
// server leaves out the oldest and says how many. So the page stays quick, and the count of what it did not show is exact.
import { toast } from "../dialog.js";
import { copyText } from "../copy.js";
import { whenTimesChange } from "../time.js";
import { List, withKeys } from "./list.js";
import { drawRecord, hrefOf, keyOf, patternOf, valueOf } from "./row.js";
import { count } from "./safe.js";
import { lines, nextFrame, sleep } from "./stream.js";

const KEPT = 10_000;
const BUDGET_MS = 8;
const ROW = 26;

const section = document.getElementById("tail");
if (section) begin();

function begin() {
  const find = (name) => section.querySelector(`[data-${name}]`);
  const several = Number(section.dataset.topics) > 1;
  let records = [];
  let shown = 0, dropped = 0, lost = 0, gone = 0;
  let id = null, abort = null, paused = false, follow = true, wrap = false, pattern = null;
  let rates = [];
  const list = new List(find("list"), { height: ROW, draw: (row, index) => drawRecord(row, records[index], { several, pattern }) });
  withKeys(list, { page: true, open: (index) => window.open(hrefOf(records[index]), "_blank", "noopener"), copy: (index) => copyText(`${keyOf(records[index])}\t${valueOf(records[index])}`) });

  let width = 7.8, columns = 100;
  function measure() {
    const probe = document.createElement("span");
    probe.className = "vlist-row";
    probe.textContent = "0".repeat(100);
    list.room.append(probe);
    width = (probe.scrollWidth - 24) / 100 || 7.8;
    probe.remove();
    columns = Math.max(20, Math.floor((list.box.clientWidth - 28) / width));
  }
  const wide = /[\u1100-\uffff]/g;
  const heightOf = (index) => { const text = valueOf(records[index]); return 27 + 20 * Math.max(1, Math.ceil((text.length + (text.match(wide)?.length ?? 0)) / columns)); };
  const layOut = () => list.reset(records.length, wrap ? heightOf : null);

  function state(name, words) {
    const button = find("pause");
    button.dataset.state = name;
    button.setAttribute("aria-pressed", String(name === "paused"));
    find("state-words").textContent = words;
  }
  function account() {
    const now = performance.now();
    rates = rates.filter(([at]) => now - at < 3000);
    const rate = rates.reduce((sum, [, number]) => sum + number, 0) / 3;
    const said = [["", count(shown), " shown"], ["", count(dropped + lost), " not shown"]];
    if (gone) said.push(["", count(gone), " scrolled out of the list"]);
    if (rate >= 0.5) said.push(["", count(Math.round(rate)), "/s"]);
    find("account").replaceChildren(...said.flatMap(([, number, words], index) => { const bold = document.createElement("b"); bold.textContent = number; return [index ? " · " : "", bold, words]; }));
    find("none").hidden = shown > 0;
    find("account").dataset.shown = shown;
    find("account").dataset.notShown = dropped + lost;
    find("account").dataset.all = shown + dropped + lost;
  }

  function add(batch) {
    if (!batch.length) return;
    for (const each of batch) records.push(each);
    shown += batch.length;
    rates.push([performance.now(), batch.length]);
    const over = records.length - KEPT;
    const top = list.top;
    let moved = 0;
    if (over > 0) {
      moved = list.topOf(Math.min(over, list.count));
      records = records.slice(over);
      gone += over;
      list.selected = list.selected >= 0 ? Math.max(-1, list.selected - over) : -1;
    }
    layOut();
    if (follow) list.toEnd();
    else if (moved) { list.now(); list.top = Math.max(0, top - moved); }
    if (!follow) list.later();
  }

  async function connect() {
    abort = new AbortController();
    const headers = id ? { "Last-Event-ID": id } : {};
    let spent = performance.now();
    let batch = [];
    for await (const { event, data, id: at } of lines(section.dataset.stream, { headers, signal: abort.signal })) {
      if (event === "failed") throw new Error([data.message, data.detail].filter(Boolean).join(": "));
      if (event === "begin") { lost += data.lost; state("live", "Live"); }
      if (event === "records") { batch = data.records; dropped += data.dropped; for (let from = 0; from < batch.length; from += 250) { add(batch.slice(from, from + 250)); if (performance.now() - spent > BUDGET_MS) { account(); await nextFrame(); spent = performance.now(); } } }
      if (at) id = at;
      account();
      if (performance.now() - spent > BUDGET_MS) { await nextFrame(); spent = performance.now(); }
    }
  }

  async function run() {
    for (let wait = 500; !paused; wait = Math.min(wait * 2, 10_000)) {
      const began = performance.now();
      try { await connect(); state("lost", "Ended: connecting…"); } catch (error) {
        if (paused || error.name === "AbortError") return;
        state("lost", "No connection");
        if (error.status && error.status < 500 && error.status !== 429) { find("account").textContent = error.message; return; }
        find("account").textContent = error.message;
      }
      if (performance.now() - began > 10_000) wait = 500;
      await sleep(wait);
    }
  }

  find("pause").addEventListener("click", () => {
    paused = !paused;
    if (paused) { abort?.abort(); state("paused", "Paused"); } else run();
  });
  const press = (button, on) => button.setAttribute("aria-pressed", String(on));
  const setFollow = (on) => { follow = on; press(find("follow"), on); if (on) list.toEnd(); };
  find("follow").addEventListener("click", () => setFollow(!follow));
  list.box.addEventListener("wheel", (event) => { if (event.deltaY < 0 && follow) setFollow(false); }, { passive: true });
  list.box.addEventListener("scroll", () => { if (!follow && list.atEnd && records.length && list.selected < 0) setFollow(true); }, { passive: true });
  list.onSelect = (index) => { if (index < records.length - 1 && follow) setFollow(false); };
  find("wrap").addEventListener("click", () => { wrap = !wrap; press(find("wrap"), wrap); section.classList.toggle("wrap", wrap); measure(); layOut(); if (follow) list.toEnd(); });
  find("clear").addEventListener("click", () => { gone += records.length; records = []; list.selected = -1; layOut(); account(); });
  find("full").addEventListener("click", () => { if (document.fullscreenElement) document.exitFullscreen(); else section.requestFullscreen?.().catch(() => toast("The browser refuses full screen.", "warn")); });
  new ResizeObserver(() => { if (wrap) { measure(); layOut(); } }).observe(list.box);

  function next(step) {
    if (!pattern || !records.length) return;
    const from = list.selected < 0 ? (step > 0 ? list.indexAt(list.top) - 1 : records.length) : list.selected;
    for (let seen = 0, at = from; seen < records.length; seen++) {
      at = (at + step + records.length) % records.length;
      pattern.lastIndex = 0;
      if (pattern.test(keyOf(records[at])) || ((pattern.lastIndex = 0), pattern.test(valueOf(records[at])))) { setFollow(false); list.select(at); find("found").textContent = ""; return; }
    }
    find("found").textContent = "no match";
  }
  const field = find("find");
  field.addEventListener("input", () => {
    pattern = patternOf(field.value);
    find("found").textContent = "";
    for (const button of section.querySelectorAll("[data-next]")) button.hidden = !pattern;
    list.redraw();
  });
  field.addEventListener("keydown", (event) => { if (event.key === "Enter") { event.preventDefault(); next(event.shiftKey ? -1 : 1); field.blur(); list.box.focus(); } });
  for (const button of section.querySelectorAll("[data-next]")) button.addEventListener("click", () => next(Number(button.dataset.next)));

  addEventListener("pagehide", () => { abort?.abort(); });
  whenTimesChange(() => list.redraw());
  measure();
  if (list.box.clientWidth < 560) find("wrap").click();
  setInterval(() => { if (!paused) account(); }, 1000);
  run();
}
