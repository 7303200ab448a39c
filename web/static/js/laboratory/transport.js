// Time: the bar with its slider and marks, the line that says what happened last, and the figures beside it.
import { html, keyed, present, seconds, set, text } from "./dom.js";
import { SIGNS } from "./panels.js";

const SPOKEN = new Set(["high-watermark"]);
const MARKED = new Set(["election", "quorum", "truncation", "lost", "violation", "action"]);
let sliding = false;

/** What can be done with the slider and the speed: `ask` answers. */
export function startTransport(root, ask, redraw) {
  const slider = root.querySelector("[data-slider]");
  let lookingAt = null;
  slider.addEventListener("input", async () => {
    sliding = true;
    const busy = lookingAt !== null;
    lookingAt = Number(slider.value);
    if (busy) return;
    // One question at a time; the newest place of the slider is asked for next.
    while (lookingAt !== null) { const at = lookingAt; await ask("look", { at_ms: at >= Number(slider.max) ? null : at }); if (lookingAt === at) lookingAt = null; }
  });
  slider.addEventListener("change", () => { sliding = false; redraw(); });
  root.querySelector("[data-speed]").addEventListener("change", (event) => ask("run", { line: `speed ${event.target.value}` }));
}

export function drawTransport(root, store) {
  const find = (name) => root.querySelector(`[data-${name}]`);
  const { world, moment, play } = store;
  text(find("play-words"), play.is_playing ? "❚❚ Pause" : "▶ Play");
  set(root.querySelector("[data-control=play]"), { "aria-pressed": play.is_playing });
  text(find("clock"), seconds(world.now_ms));
  const speed = find("speed");
  if (document.activeElement !== speed && Number(speed.value) !== play.speed) speed.value = [...speed.options].find((each) => Number(each.value) === play.speed)?.value ?? speed.value;
  const slider = find("slider");
  if (!sliding) { slider.max = String(Math.max(1, Math.round(moment.present_ms))); slider.value = String(Math.round(world.now_ms)); slider.setAttribute("aria-valuetext", seconds(world.now_ms)); }
  root.classList.toggle("past", moment.past);
  for (const name of ["now", "fork"]) root.querySelector(`[data-control=${name}]`).disabled = !moment.past;
}

/** Marks of what mattered, above the slider. */
export function drawMarks(root, store) {
  const most = Math.max(1, store.moment.present_ms);
  const found = store.events.filter((event) => MARKED.has(event.kind) || event.is_bad).slice(-300);
  set(root, { viewBox: "0 0 1000 10" });
  keyed(root, found, (event) => `${store.life}-${event.number}`, () => document.createElementNS("http://www.w3.org/2000/svg", "rect"), (mark, event) => set(mark, { x: ((event.at_ms / most) * 998).toFixed(1), y: event.is_bad ? 0 : 3, width: 2.5, height: event.is_bad ? 10 : 7, class: event.is_bad ? "bad" : event.kind }));
}

/** The newest line of the timeline up to the moment that is shown; or what there is to say instead. */
export function drawNews(root, store, notice) {
  const { world, moment, play } = store;
  const news = root.querySelector("[data-news]");
  const [sign, body, buttons] = news.children;
  let [mark, words, why, kind] = ["", "Starting a process for the world, and nodes in it…", "", ""];
  const last = store.lines.findLast((event) => !SPOKEN.has(event.kind));
  if (last) [mark, words, why, kind] = [SIGNS[last.kind] ?? "·", last.text, `${last.why} ${last.kip}`.trim(), last.is_bad ? "bad" : ""];
  if (moment.past) kind = kind || "warn";
  if (notice.words) [mark, words, why, kind] = [notice.bad ? "✖" : "", notice.words, "", notice.bad ? "bad" : ""];
  if (play.busy) [mark, words, why, kind] = ["◷", play.busy, "", ""];
  if (play.failure) [mark, words, why, kind] = ["✖", `${play.failure}.`, "Open a new world (N).", "bad"];
  else if (world.broken) [mark, words, why, kind] = ["✖", "The simulation stands still for good.", world.broken, "bad"];
  text(sign, mark);
  text(body.children[0], words);
  text(body.children[1], why);
  body.title = why;
  news.className = `lab-news ${kind}`;
  buttons.hidden = !moment.past;
  text(buttons.firstElementChild, `The past, ${seconds(world.now_ms)} of ${seconds(moment.present_ms)}`);
}

/** How it stands, at a glance. */
export function drawScore(root, store) {
  const { counts, without } = store.world;
  const invariants = store.get("invariants") ?? [];
  const violated = invariants.filter((each) => !each.holds).length;
  const outside = store.get("outside");
  const chips = present(
    { id: "invariants", words: violated ? `✖ ${violated} of ${invariants.length} invariants violated` : `✓ ${invariants.length} invariants hold`, kind: violated ? "bad" : "ok", to: "invariants" },
    counts.lost ? { id: "lost", words: `✖ ${counts.lost} lost`, kind: "bad", to: "invariants" } : { id: "lost", words: "0 lost", kind: "" },
    ...[["acked", "acknowledged"], ["elections", "elections"], ["rebalances", "rebalances"], ["truncations", "truncations"], ["processed_twice", "processed twice"], ["skipped", "never processed"]].map(([name, words]) => (counts[name] || name === "acked" ? { id: name, words: `${counts[name] ?? 0} ${counts[name] === 1 ? words.replace(/s$/, "") : words}`, kind: "" } : null)),
    ...(without ?? []).map((name) => ({ id: `without-${name}`, words: `without ${name}`, kind: "warn" })),
    outside ? { id: "outside", words: `⇆ ${outside.connections} from outside`, kind: "warn" } : null,
    { id: "seed", words: `seed ${store.moment.seed}`, kind: "" },
  );
  keyed(root.querySelector("[data-score]"), chips, (each) => each.id, (each) => (each.to ? html("button", { type: "button", class: "badge" }) : html("span", { class: "badge" })), (chip, each) => {
    text(chip, each.words);
    chip.className = `badge ${each.kind}`;
    if (each.to) chip.onclick = () => { root.querySelector("#lab-inv").open = true; root.querySelector("[data-invariants-card]").scrollIntoView({ block: "nearest" }); };
  });
}
