// Charts are drawn by the server. Here is the crosshair with the value under the pointer or, with the arrow keys, under the
// cursor. `data-chart` is JSON: {"times": [ms], "series": [{"name", "texts": [shown values], "y": [0..1]}]}.
import { relative } from "./time.js";

let tip = null;

function hide() { tip?.remove(); tip = null; for (const line of document.querySelectorAll(".cross")) line.remove(); }

function showAt(svg, share, x, y) {
  let data;
  try { data = JSON.parse(svg.dataset.chart); } catch { return; }
  const count = data.times.length;
  if (!count) return;
  const index = Math.max(0, Math.min(count - 1, Math.round(share * (count - 1))));
  if (!tip) { tip = document.createElement("div"); tip.className = "tip"; tip.setAttribute("role", "status"); document.body.append(tip); }
  const when = new Date(data.times[index]);
  const lines = data.series.map((each) => `${data.series.length > 1 ? `${each.name}: ` : ""}${each.texts[index] ?? "-"}`);
  tip.replaceChildren(...[...lines, `${when.toLocaleTimeString()} (${relative(data.times[index])})`].map((text) => { const line = document.createElement("div"); line.textContent = text; return line; }));
  tip.style.left = `${Math.min(x + 12, innerWidth - tip.offsetWidth - 8)}px`;
  tip.style.top = `${Math.max(8, y - tip.offsetHeight - 12)}px`;
  svg.dataset.at = index;
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
document.addEventListener("keydown", (event) => {
  const svg = event.target.closest?.("svg[data-chart]");
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!svg || !step) return;
  event.preventDefault();
  const count = JSON.parse(svg.dataset.chart).times.length;
  const at = Math.max(0, Math.min(count - 1, Number(svg.dataset.at ?? count) + step));
  const box = svg.getBoundingClientRect();
  const share = count > 1 ? at / (count - 1) : 0;
  showAt(svg, share, box.left + share * box.width, box.top);
});
document.addEventListener("focusout", (event) => { if (event.target.closest?.("svg[data-chart]")) hide(); });
