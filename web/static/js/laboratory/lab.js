// The laboratory's page: the stream in, questions out, and one drawing per frame of what differs.
import { openDialog, toast } from "../dialog.js";
import { doLine, formOf, inspected, openActions, openForm, startActing } from "./acting.js";
import { html, keyed, seconds, set, text } from "./dom.js";
import { drawLesson } from "./lesson.js";
import { drawLogs } from "./logs.js";
import { drawClients, drawInvariants, drawMarks, drawQuorum, drawTimeline } from "./panels.js";
import { drawStage } from "./stage.js";
import { Store } from "./store.js";

const FRAME_MS = 33;
const root = document.getElementById("lab");
const store = new Store();
const base = root.dataset.base;
const find = (name) => root.querySelector(`[data-${name}]`);
let chosen = "";
let waiting = false;
let drawnAt = 0;
let sliding = false;
let stale = true;

/** Asks the world; the answer has `error` when it cannot be. */
async function ask(question, values = {}) {
  try {
    const response = await fetch(`${base}/lab/ask`, { method: "POST", credentials: "same-origin", headers: { "Content-Type": "application/json", Accept: "application/json" }, body: JSON.stringify({ ...values, ask: question }) });
    const answer = await response.json().catch(() => ({ error: `The console answered ${response.status}.` }));
    if (!response.ok && !answer.error) answer.error = answer.message ?? `The console answered ${response.status}.`;
    if (answer.said) say(answer.said); else if (answer.error) say(answer.error, true);
    return answer;
  } catch { return { error: "The console cannot be reached." }; }
}

let said = "";
let saidBad = false;
let opening = "";
function say(words, bad = false) { said = words; saidBad = bad; stale = true; draw(); }

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
  drawTransport();
  drawnAt = performance.now();
  if (!store.pieces.size) return;
  if (isNew("node", "links", "messages", "client", "world")) drawStage(find("stage"), store, choose, chosen);
  if (isNew("partition", "log")) drawLogs(find("logs"), store, choose, chosen);
  if (isNew("quorum")) drawQuorum(root, store);
  if (isNew("client", "group")) drawClients(root, store, choose);
  if (isNew("invariants", "lost")) drawInvariants(root, store, look);
  if (isNew("events", "moment")) { drawTimeline(find("timeline"), store, look, find("quiet").checked); drawMarks(find("marks"), store); }
  drawLesson(find("lesson-panel"), store.get("lesson"), store.play.is_playing, ask, { list: `${base}/lab/lessons`, lesson: openLesson });
  if (chosen) drawInspector();
  drawnAt = performance.now();
  root.dataset.paintMs = (drawnAt - begun).toFixed(1);
  root.dataset.paints = String(Number(root.dataset.paints ?? 0) + 1);
}

function drawTransport() {
  const { world, moment, play } = store;
  text(find("play-words"), play.is_playing ? "❚❚ Pause" : "▶ Play");
  set(root.querySelector("[data-lab=toggle]"), { "aria-pressed": play.is_playing });
  text(find("clock"), seconds(world.now_ms));
  const speed = find("speed");
  if (document.activeElement !== speed && Number(speed.value) !== play.speed) speed.value = [...speed.options].find((each) => Number(each.value) === play.speed)?.value ?? speed.value;
  const slider = find("slider");
  if (!sliding) { slider.max = String(Math.max(1, Math.round(moment.present_ms))); slider.value = String(Math.round(world.now_ms)); slider.setAttribute("aria-valuetext", seconds(world.now_ms)); }
  root.classList.toggle("past", moment.past);
  root.querySelector("[data-lab=now]").disabled = !moment.past;
  root.querySelector("[data-lab=fork]").disabled = !moment.past;
  const status = find("status");
  const counts = world.counts;
  let words = said;
  if (play.failure) words = `${play.failure} Open a new world (N).`;
  else if (world.broken) words = `The simulation stands still for good: ${world.broken}`;
  else if (moment.past) words = `The past, at ${seconds(world.now_ms)} of ${seconds(moment.present_ms)}. n: to now. F: go on from here, otherwise.`;
  else if (!words && store.pieces.size) words = `Seed ${moment.seed}. ${counts.acked} acknowledged, ${counts.lost} lost, ${counts.elections} elections, ${counts.rebalances} rebalances, ${counts.truncations} truncations, ${counts.processed_twice} processed twice.`;
  if (world.without?.length) words += ` Without: ${world.without.join(", ")}.`;
  if (opening) words = opening;
  text(status, words || "Starting a process for the world, and three nodes in it…");
  status.classList.toggle("bad", Boolean(saidBad || play.failure || world.broken));
  status.classList.toggle("warn", moment.past);
}

function choose(what) { chosen = chosen === what ? "" : what; stale = true; draw(); if (chosen && matchMedia("(max-width: 1100px)").matches) requestAnimationFrame(() => setTimeout(() => find("inspector").scrollIntoView({ block: "nearest" }), 60)); }

function drawInspector() {
  const panel = find("inspector");
  const found = chosen ? inspected(chosen, store) : null;
  panel.hidden = !found;
  if (!found) return;
  if (!panel.firstChild) panel.append(html("header", {}, html("h2"), html("button", { type: "button", "data-unchoose": true, "aria-label": "Choose nothing" }, "✕")), html("dl", { class: "facts" }), html("div", { class: "lab-buttons" }));
  const [head, facts, buttons] = panel.children;
  text(head.firstChild, found.title);
  keyed(facts, found.facts.flatMap(([name, value]) => [["dt", name], ["dd", String(value), name]]), ([kind, words, name]) => `${kind}-${name ?? words}`, ([kind]) => html(kind), (element, [, words]) => text(element, words));
  keyed(buttons, found.buttons, (each) => each.line ?? each.words, (each) => html("button", { type: "button", title: each.line ?? "" }, each.words), (element, each) => { element.onclick = () => (each.form ? openForm(formOf(each.form), each.known) : doLine(each.line)); });
}

// ---- time and worlds

function look(at) { ask("look", { at_ms: at }); }

async function openWorld(values) {
  chosen = "";
  said = "";
  opening = `Opening ${values.lesson ? "the lesson's world" : values.text || values.json ? "the situation: it is played up to its moment" : "a world"}…`;
  stale = true;
  draw();
  const answer = await ask("open", values);
  opening = "";
  if (answer.error) toast(answer.error, "bad");
  return !answer.error;
}

async function openLesson(id, variant) {
  history.replaceState(null, "", `${base}/lab?lesson=${encodeURIComponent(id)}${variant ? "&variant=1" : ""}`);
  await openWorld({ lesson: id, variant });
}

async function share() {
  const answer = await ask("situation");
  if (!answer.result) return;
  const url = new URL(`${base}/lab`, location.href);
  url.searchParams.set("s", answer.result.text);
  history.replaceState(null, "", url);
  try { await navigator.clipboard.writeText(url.href); toast("The address of this situation is copied."); } catch { toast("The address of this situation is in the address bar."); }
}

function newWorld() {
  const form = html("form", { class: "dialog-body lab-form" }, html("h2", {}, "A new world"), html("p", { class: "muted" }, "The one that is open ends. Share it first to keep it."),
    html("div", { class: "field" }, html("label", { for: "lab-nodes" }, "Nodes"), html("select", { id: "lab-nodes", name: "nodes" }, ...[1, 2, 3, 4, 5].map((count) => html("option", { value: count, selected: count === 3 }, String(count))))),
    html("div", { class: "field" }, html("label", { for: "lab-seed" }, "Seed"), html("input", { id: "lab-seed", name: "seed", value: "7", inputmode: "numeric" }), html("p", { class: "field-help" }, "The same seed and the same actions give the same world.")),
    html("div", { class: "field" }, html("label", { for: "lab-text" }, "Or a situation: its text, or its JSON"), html("textarea", { id: "lab-text", name: "text", rows: 3 })),
    html("div", { class: "dialog-foot" }, html("button", { type: "button", "data-close": true }, "Cancel"), html("button", { type: "submit", class: "primary" }, "Open")));
  const box = openDialog(form, "A new world");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const typed = form.elements.text.value.trim();
    const situation = typed.includes("s=") ? new URLSearchParams(typed.split("?").pop()).get("s") : typed;
    const values = typed.startsWith("{") ? { json: typed } : situation ? { text: situation } : { nodes: Number(form.elements.nodes.value), seed: form.elements.seed.value.trim() };
    if (await openWorld(values)) { box.close(); history.replaceState(null, "", `${base}/lab`); }
  });
}

const toggle = () => ask(store.play.is_playing ? "pause" : "play");
const RUN = { toggle, back: () => ask("look", { by_ms: -100 }), step: () => ask("step", { by: "event" }), instant: () => ask("step", { by: "instant" }), now: () => look(null), fork: () => ask("fork"), act: () => openActions(), share, new: newWorld };

root.addEventListener("click", (event) => {
  const button = event.target.closest("[data-lab]");
  if (button) { if (button.dataset.lab !== "act") said = ""; saidBad = false; RUN[button.dataset.lab](); }
  if (event.target.closest("[data-unchoose]")) choose(chosen);
});
document.addEventListener("keydown", (event) => {
  const target = event.target;
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]") || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName)) return;
  if (event.key === " " && !target.closest?.("button, a, summary, [role=button]")) { event.preventDefault(); toggle(); }
  else if (event.key === "ArrowLeft") { event.preventDefault(); RUN.back(); }
  else if (event.key === "ArrowRight") { event.preventDefault(); if (store.moment.past) ask("look", { by_ms: 100 }); else RUN.step(); }
  else if (event.key === "<" || event.key === ">") { event.preventDefault(); ask("faster", { by: event.key === ">" ? 1 : -1 }); }
});
document.addEventListener("stoker:escape", (event) => { if (chosen) { choose(chosen); event.preventDefault(); } });

const slider = find("slider");
let lookingAt = null;
slider.addEventListener("input", async () => {
  sliding = true;
  const busy = lookingAt !== null;
  lookingAt = Number(slider.value);
  if (busy) return;
  // One question at a time; the newest place of the slider is asked for next.
  while (lookingAt !== null) { const at = lookingAt; await ask("look", { at_ms: at >= Number(slider.max) ? null : at }); if (lookingAt === at) lookingAt = null; }
});
slider.addEventListener("change", () => { sliding = false; stale = true; draw(); });
find("speed").addEventListener("change", (event) => ask("speed", { speed: Number(event.target.value) }));
find("quiet").addEventListener("change", () => { stale = true; draw(); });
new ResizeObserver(() => { stale = true; draw(); }).observe(find("logs"));

startActing(JSON.parse(root.dataset.forms), ask);

async function start() {
  if (root.dataset.situation) await openWorld({ text: root.dataset.situation });
  else if (root.dataset.lesson) await openWorld({ lesson: root.dataset.lesson, variant: Boolean(root.dataset.variant) });
  let source = null;
  const listen = () => {
    source?.close();
    source = new EventSource(`${base}/lab/stream`);
    source.addEventListener("world", (event) => { store.take(JSON.parse(event.data)); draw(); });
    source.addEventListener("error", () => say("No connection to the console; trying again.", true));
    source.addEventListener("open", () => { if (saidBad) say(""); });
  };
  listen();
  addEventListener("pagehide", () => source?.close());
  addEventListener("pageshow", (event) => { if (event.persisted) listen(); });
}
start();
