// Times: <time data-ms> in local time, UTC or relative (`t` goes on to the next); all three in the tooltip.
const STYLES = ["local", "utc", "ago"];
let style = "local";
try { const kept = localStorage.getItem("stoker.time"); if (STYLES.includes(kept)) style = kept; } catch { /* local then */ }

const two = (number, digits = 2) => String(number).padStart(digits, "0");
const local = (date) => `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${two(date.getMilliseconds(), 3)}`;
const utc = (date) => `${date.toISOString().replace("T", " ").replace("Z", "")} UTC`;

/** "12 s ago", "in 3 min"; `now` and `then` in ms. */
export function relative(then, now = Date.now()) {
  const seconds = Math.round((now - then) / 1000);
  const size = Math.abs(seconds);
  const [value, unit] = size < 90 ? [size, "s"] : size < 5400 ? [Math.round(size / 60), "min"] : size < 129600 ? [Math.round(size / 3600), "h"] : [Math.round(size / 86400), "d"];
  return size < 2 ? "now" : seconds > 0 ? `${value} ${unit} ago` : `in ${value} ${unit}`;
}

/** All ways to tell it, for a tooltip. */
const everyWay = (date) => `${local(date)} local\n${utc(date)}\n${relative(date.getTime())}\n${date.getTime()} ms`;

function tell(element) {
  const ms = Number(element.dataset.ms);
  const date = new Date(ms);
  if (Number.isNaN(date.getTime())) return;
  const chosen = element.dataset.style === "ago" ? "ago" : style;
  const text = chosen === "utc" ? utc(date) : chosen === "ago" ? relative(ms) : local(date);
  if (element.textContent !== text) element.textContent = text;
  const title = everyWay(date);
  if (element.title !== title) element.title = title;
}

/** [text, tooltip] of a time in a list that is drawn by script, in the way that is chosen; `day`: with the date. */
export function shownTime(ms, day = false) {
  if (ms === null) return ["no time", ""];
  const date = new Date(ms);
  if (Number.isNaN(date.getTime())) return [String(ms), ""];
  if (style === "ago") return [relative(ms), everyWay(date)];
  const text = style === "utc" ? `${date.toISOString().replace("T", " ")}` : local(date);
  return [day ? text : text.slice(11), everyWay(date)];
}

/** A time to the second, local unless UTC is chosen: for what stands beside how long ago it was. */
export const exactTime = (ms) => (style === "utc" ? `${utc(new Date(ms)).slice(0, 19)} UTC` : local(new Date(ms)).slice(0, 19));

/** Calls `redraw` when another way of telling times is chosen, and now and then where they are relative. */
export function whenTimesChange(redraw) {
  document.addEventListener("stoker:time", redraw);
  setInterval(() => { if (style === "ago" && !document.hidden) redraw(); }, 5000);
}

/** Writes all times within `root`. */
export function tellTimes(root) {
  if (root.matches?.("time[data-ms]")) tell(root);
  for (const element of root.querySelectorAll?.("time[data-ms]") ?? []) tell(element);
}

document.addEventListener("stoker:update", (event) => tellTimes(event.detail));
document.addEventListener("stoker:time", () => {
  style = STYLES[(STYLES.indexOf(style) + 1) % STYLES.length];
  try { localStorage.setItem("stoker.time", style); } catch { /* for this page then */ }
  tellTimes(document);
});
setInterval(() => { if (!document.hidden) tellTimes(document); }, 5000);
