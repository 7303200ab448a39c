// The laboratory's page: the stream in, questions out, and one drawing per frame of what differs.
import { openDialog, toast } from "../dialog.js";
import { openActions, startActing } from "./acting.js";
import { html } from "./dom.js";
import { drawInspector } from "./inspector.js";
import { drawLesson } from "./lesson.js";
import { drawLogs } from "./logs.js";
import { drawClients, drawInvariants, drawQuorum, drawTimeline } from "./panels.js";
import { drawStage } from "./stage.js";
import { Store } from "./store.js";
import { drawMarks, drawNews, drawScore, drawTransport, startTransport } from "./transport.js";

const FRAME_MS = 33;
/** Words to time whose answer is no line of the timeline. */
const TOLD = new Set(["step", "on", "instant", "fork", "connect", "disconnect"]);
const root = document.getElementById("lab");
const given = JSON.parse(root.dataset.given);
const store = new Store();
const base = root.dataset.base;
const find = (name) => root.querySelector(`[data-${name}]`);
let chosen = "";
let waiting = false;
let drawnAt = 0;
let stale = true;
/** What is said instead of the newest line of the timeline, until something is done. */
let notice = { words: "", bad: false };

/** Asks the world; the answer has `error` when it cannot be. `silent`: nothing is said of it. */
async function ask(question, values = {}, { silent = false } = {}) {
  if (!silent) say("");
  const answer = await sent({ ...values, ask: question });
  if (!silent && answer.error) say([answer.error, answer.hint].filter(Boolean).join(" "), true);
  // What actions and steps led to are lines of the timeline already.
  else if (!silent && answer.said && question === "run" && TOLD.has(values.line.split(" ")[0])) say(answer.said);
  return answer;
}

async function sent(question) {
  try {
    const response = await fetch(`${base}/lab/ask`, { method: "POST", credentials: "same-origin", headers: { "Content-Type": "application/json", Accept: "application/json" }, body: JSON.stringify(question) });
    const answer = await response.json().catch(() => ({ error: `The console answered ${response.status}.` }));
    if (!response.ok && !answer.error) answer.error = answer.message ?? `The console answered ${response.status}.`;
    return answer;
  } catch { return { error: "The console cannot be reached." }; }
}

const run = (line) => ask("run", { line });
function say(words, bad = false) { notice = { words, bad }; redraw(); }
function redraw() { stale = true; draw(); }

// ---- drawing

function draw() {
  if (waiting) return;
  waiting = true;
  // Never more often than the eye can follow, however much comes.
  setTimeout(() => requestAnimationFrame(paint), Math.max(0, FRAME_MS - (performance.now() - drawnAt)));
}

function paint() {
  waiting = false;
  const begun = performance.now();
  const changed = store.taken();
  const all = stale;
  stale = false;
  const isNew = (...names) => all || changed.has(...names);
  drawTransport(root, store);
  drawNews(root, store, notice);
  drawnAt = performance.now();
  if (!store.pieces.size) return;
  const lesson = store.get("lesson");
  root.classList.toggle("learning", Boolean(lesson));
  root.dataset.look = lesson?.look_at.join(" ") ?? "";
  find("invitation").hidden = Boolean(lesson);
  if (isNew("world", "invariants", "outside", "moment")) drawScore(root, store);
  if (isNew("node", "links", "messages", "client", "world", "outside")) drawStage(find("stage"), store, choose, chosen);
  if (isNew("partition", "log", "group", "client", "lost")) drawLogs(find("logs"), store, choose, chosen);
  if (isNew("quorum")) drawQuorum(root, store);
  if (isNew("client", "group")) drawClients(root, store, choose);
  if (isNew("invariants", "lost")) drawInvariants(root, store, look);
  if (isNew("events", "moment", "world")) drawTimeline(find("timeline"), store, look, find("quiet").checked);
  if (isNew("events", "moment")) drawMarks(find("marks"), store);
  drawLesson(find("lesson-panel"), lesson, store.play.is_playing, ask, { list: `${base}/lab/lessons`, lesson: openLesson });
  if (all || chosen) drawInspector(find("inspector"), chosen, store);
  drawnAt = performance.now();
  root.dataset.paintMs = (drawnAt - begun).toFixed(1);
  root.dataset.paints = String(Number(root.dataset.paints ?? 0) + 1);
}

function choose(what) {
  chosen = chosen === what ? "" : what;
  redraw();
  if (chosen) requestAnimationFrame(() => setTimeout(() => find("inspector").scrollIntoView({ block: "nearest" }), 60));
}

const look = (at) => ask("look", { at_ms: at });

// ---- worlds

async function openWorld(values, words) {
  chosen = "";
  find("lesson-panel").scrollTop = 0;
  say(words);
  const answer = await sent({ ...values, ask: "open" });
  say(answer.error ?? "", Boolean(answer.error));
  return answer;
}

async function openLesson(id, variant) {
  history.replaceState(null, "", `${base}/lab?lesson=${encodeURIComponent(id)}${variant ? "&variant=1" : ""}`);
  await openWorld({ lesson: id, variant }, "Opening the lesson's world…");
}

async function share() {
  const answer = await ask("situation");
  if (!answer.result) return;
  const url = new URL(`${base}/lab`, location.href);
  url.searchParams.set("s", answer.result.text);
  history.replaceState(null, "", url);
  const more = answer.result.warning ? ` ${answer.result.warning}` : "";
  try { await navigator.clipboard.writeText(url.href); toast(`The address of this situation is copied.${more}`); } catch { toast(`The address of this situation is in the address bar.${more}`); }
}

function newWorld() {
  const file = html("input", { type: "file", id: "lab-file", accept: ".json,application/json" });
  const form = html("form", { class: "dialog-body lab-form" }, html("h2", {}, "A new world"), html("p", { class: "muted" }, "The one that is open ends. Share it first to keep it."),
    html("div", { class: "field" }, html("label", { for: "lab-nodes" }, "Nodes"), html("select", { id: "lab-nodes", name: "nodes" }, ...[1, 2, 3, 4, 5].map((count) => html("option", { value: count, selected: count === 3 }, String(count))))),
    html("div", { class: "field" }, html("label", { for: "lab-seed" }, "Seed"), html("input", { id: "lab-seed", name: "seed", value: "7", inputmode: "numeric" }), html("p", { class: "field-help" }, "The same seed and the same actions give the same world.")),
    html("div", { class: "field" }, html("label", { for: "lab-text" }, "Or a situation: its address, its text, or its JSON"), html("textarea", { id: "lab-text", name: "text", rows: 3 })),
    html("div", { class: "field" }, html("label", { for: "lab-file" }, "Or a file: situation.json"), file),
    html("p", { class: "lab-missed", role: "alert", hidden: true }),
    html("div", { class: "dialog-foot" }, html("button", { type: "button", "data-close": true }, "Cancel"), html("button", { type: "submit", class: "primary" }, "Open")));
  const box = openDialog(form, "A new world");
  file.addEventListener("change", async () => { if (file.files[0]) form.elements.text.value = await file.files[0].text(); });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const situation = form.elements.text.value.trim();
    const answer = await openWorld(situation ? { situation } : { nodes: Number(form.elements.nodes.value), seed: form.elements.seed.value.trim() }, situation ? "Opening the situation: it is played up to its moment…" : "Opening a world…");
    const wrong = form.querySelector("[role=alert]");
    wrong.hidden = !answer.error;
    wrong.textContent = answer.error ?? "";
    if (answer.error) return;
    box.close();
    find("slider").focus({ preventScroll: true });
    document.activeElement.blur();
    history.replaceState(null, "", `${base}/lab`);
  });
}

// ---- keys and buttons: the same as in the terminal

const byId = (id) => root.querySelector(id);
const RUN = {
  play: () => run(store.play.is_playing ? "pause" : "play"), step: () => run("step"), act: () => openActions(), task: () => run("task"), instant: () => run("instant"),
  backward: () => run("back"), forward: () => run("on"), lessons: () => { location.href = `${base}/lab/lessons`; }, now: () => run("now"), fork: () => run("fork"),
  beginning: () => run("to 0"), jump: () => openActions("to "), slower: () => run("slower"), faster: () => run("faster"),
  messages: () => (store.get("messages")?.length ? openActions("hold ") : say("No message is under way: press . until one is.")),
  first_choice: () => run("predict A"), second_choice: () => run("predict B"), third_choice: () => run("predict C"), fourth_choice: () => run("predict D"),
  variant: () => run("variant"), again: () => run("again"), quiet: () => find("quiet").click(), connect: () => run(store.get("outside") ? "disconnect" : "connect"),
  share, export: () => { const menu = byId("#lab-export"); menu.open = !menu.open; if (menu.open) menu.querySelector("a").focus(); }, new: newWorld,
};
const BY_KEY = new Map(given.controls.map((each) => [each.key, each.name]));
BY_KEY.set(" ", "play");

function press(name) { if (!root.querySelector(`[data-control=${name}]`)?.disabled) RUN[name](); }

root.addEventListener("click", (event) => {
  const button = event.target.closest("[data-control]");
  if (button) press(button.dataset.control);
  if (event.target.closest("[data-unchoose]")) choose(chosen);
});
// Before the page's own keys: here they mean what they mean in the terminal's laboratory.
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || document.querySelector("dialog[open]")) return;
  if (event.target.isContentEditable || ["TEXTAREA", "SELECT"].includes(event.target.tagName) || (event.target.tagName === "INPUT" && event.target.type !== "checkbox")) return;
  if (event.key === " " && event.target.closest?.("button, a, summary, input, [role=button]")) return;
  const name = BY_KEY.get(event.key);
  if (!name) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  press(name);
}, { capture: true });
document.addEventListener("stoker:escape", (event) => { if (chosen) { choose(chosen); event.preventDefault(); } });

find("quiet").addEventListener("change", redraw);
new ResizeObserver(redraw).observe(find("logs"));
startActing(given, ask);
startTransport(root, ask, redraw);

async function start() {
  if (root.dataset.situation) await openWorld({ text: root.dataset.situation }, "Opening the situation: it is played up to its moment…");
  else if (root.dataset.lesson) await openWorld({ lesson: root.dataset.lesson, variant: Boolean(root.dataset.variant) }, "Opening the lesson's world…");
  let source = null;
  let lost = false;
  const listen = () => {
    source?.close();
    source = new EventSource(`${base}/lab/stream`);
    source.addEventListener("world", (event) => { store.take(JSON.parse(event.data)); draw(); });
    source.addEventListener("error", () => { lost = true; say("No connection to the console; trying again.", true); });
    source.addEventListener("open", () => { if (lost) say(""); lost = false; });
  };
  listen();
  addEventListener("pagehide", () => source?.close());
  addEventListener("pageshow", (event) => { if (event.persisted) listen(); });
}
start();
