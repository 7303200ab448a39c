// Charts are drawn by the server. Here is the crosshair with the value under the pointer or, with the arrow keys, under the
// cursor. `data-chart` is JSON: {"times": [ms], "series": [{"name", "texts": [shown values], "y": [0..1]}]}.
import { exactTime, relative } from "./time.js";

let tip = null;

function hide() { tip?.remove(); tip = null; for (const line of document.querySelectorAll(".cross")) line.remove(); }

function showAt(svg, share, x, y) {
  let data;
  try { data = JSON.parse(svg.dataset.chart); } catch { return; }
  const count = data.times.length;
  if (!count) return;
  const index = Math.max(0, Math.min(count - 1, Math.round(share * (count - 1))));
  if (!tip) { tip = document.createElement("div"); tip.className = "tip"; tip.setAttribute("role", "status"); document.body.append(tip); }
  const lines = data.series.map((each) => `${data.series.length > 1 ? `${each.name}: ` : ""}${each.texts[index] ?? "-"}`);
  tip.replaceChildren(...[...lines, `${exactTime(data.times[index])} (${relative(data.times[index])})`].map((text) => { const line = document.createElement("div"); line.textContent = text; return line; }));
  tip.style.left = `${Math.min(x + 12, innerWidth - tip.offsetWidth - 8)}px`;
  tip.style.top = `${Math.max(8, y - tip.offsetHeight - 12)}px`;
  svg.dataset.at = index;
  tip.dataset.at = index;
  for (const line of svg.querySelectorAll(".cross")) line.remove();
  const line = document.createElementNS("http://www.w3.org/2000/svg", "line");
  const box = svg.viewBox.baseVal;
  const at = box.x + (count > 1 ? index / (count - 1) : 0.5) * box.width;
  for (const [name, value] of [["class", "cross"], ["x1", at], ["x2", at], ["y1", box.y], ["y2", box.y + box.height]]) line.setAttribute(name, value);
  svg.append(line);
}

document.addEventListener("pointermove", (event) => {
  const svg = event.target.closest?.("svg[data-chart]");
  if (!svg) { if (tip) hide(); return; }
  const box = svg.getBoundingClientRect();
  showAt(svg, (event.clientX - box.left) / box.width, event.clientX, event.clientY);
});
/** The value at `at`, for the keyboard. */
function showIndex(svg, at, count) {
  const box = svg.getBoundingClientRect();
  const share = count > 1 ? at / (count - 1) : 0;
  showAt(svg, share, box.left + share * box.width, box.top);
}

const countOf = (svg) => JSON.parse(svg.dataset.chart).times.length;

document.addEventListener("keydown", (event) => {
  const svg = event.target.closest?.("svg[data-chart]");
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!svg || !step) return;
  event.preventDefault();
  const count = countOf(svg);
  showIndex(svg, Math.max(0, Math.min(count - 1, Number(svg.dataset.at ?? count) + step)), count);
});
// A live update exchanges the chart under the cursor: where it stood is shown again, as it is now.
document.addEventListener("stoker:update", () => {
  if (!tip) return;
  const svg = document.activeElement;
  if (svg?.matches?.("svg[data-chart]")) { const count = countOf(svg); showIndex(svg, Math.min(count - 1, Number(tip.dataset.at)), count); } else if (!document.querySelector(".cross")) hide();
});
document.addEventListener("focusout", (event) => {
  if (!event.target.closest?.("svg[data-chart]")) return;
  // A chart that is exchanged for a newer one loses the focus for a moment.
  setTimeout(() => { if (!document.activeElement?.matches?.("svg[data-chart]")) hide(); });
});
