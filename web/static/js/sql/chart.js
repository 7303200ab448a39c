// A chart of a result, drawn here as SVG: lines over time or numbers, bars over names; chosen by the columns, and changeable.
import { make, safe } from "../records/safe.js";
import { isNumeric, isTime, textOf } from "./grid.js";

const SVG = "http://www.w3.org/2000/svg";
const BARS_MAX = 60;
const SERIES_MAX = 4;
export const POINTS_MAX = 5_000;

/** What a chart of these columns and rows would best be: {kind, x, ys, by}; null when nothing can be drawn. `by` is the
    column whose values are lines of their own; -1 for none. */
export function choose(columns, rows) {
  const numbers = columns.map((column, index) => [column, index]).filter(([column]) => isNumeric(column.type)).map(([, index]) => index);
  if (!numbers.length || rows.length < 1) return null;
  let x = columns.findIndex((column) => isTime(column.type));
  if (x < 0) x = columns.findIndex((column) => !isNumeric(column.type));
  if (x < 0) x = numbers.length > 1 ? numbers[0] : -1;
  const ys = numbers.filter((index) => index !== x);
  if (!ys.length) return null;
  const kind = x < 0 || isTime(columns[x].type) || isNumeric(columns[x].type) ? "line" : "bar";
  // Where a time comes more than once, what is beside it tells the lines apart.
  const by = x >= 0 && new Set(rows.map((row) => textOf(row[x]))).size < rows.length ? columns.findIndex((column, index) => index !== x && !isNumeric(column.type) && !isTime(column.type)) : -1;
  return { kind, x, by, ys: by >= 0 ? ys.slice(0, 1) : ys.slice(0, 1).concat(sameScale(rows, ys)).slice(0, SERIES_MAX) };
}

/** Rows as they are drawn where `by` has a line for each of its values: one row for each value of `x`, with a column for each
    of the lines that are the largest all in all. `left` is how many lines are left out. */
export function pivot(columns, rows, { x, ys, by }) {
  const sums = new Map();
  for (const row of rows) { const name = textOf(row[by]); sums.set(name, (sums.get(name) ?? 0) + (Math.abs(number(row[ys[0]])) || 0)); }
  const names = [...sums].sort((a, b) => b[1] - a[1]).slice(0, SERIES_MAX).map(([name]) => name).sort();
  const found = new Map();
  for (const row of rows) {
    const at = names.indexOf(textOf(row[by]));
    if (at < 0) continue;
    const key = textOf(row[x]);
    if (!found.has(key)) found.set(key, [row[x], ...names.map(() => null)]);
    const value = number(row[ys[0]]);
    if (Number.isFinite(value)) found.get(key)[at + 1] = (found.get(key)[at + 1] ?? 0) + value;
  }
  return { columns: [columns[x], ...names.map((name) => ({ name, type: "DOUBLE" }))], rows: [...found.values()], left: sums.size - names.length };
}

/** Columns that can stand beside the first: of about its size. */
function sameScale(rows, ys) {
  const most = (index) => rows.reduce((max, row) => Math.max(max, Math.abs(number(row[index])) || 0), 0);
  const first = most(ys[0]) || 1;
  return ys.slice(1).filter((index) => { const size = most(index); return size > first / 50 && size < first * 50; });
}

const number = (value) => (value === null || value === "" || typeof value === "boolean" || typeof value === "object" ? NaN : Number(value));
const place = (value, type) => (isTime(type) ? Date.parse(/[zZ+]|-\d\d(:?\d\d)?$/.test(String(value).slice(10)) ? value : `${value}Z`) : number(value));

function element(name, attributes, text = null) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== null) made.textContent = text;
  return made;
}

/** Round numbers from `low` to `high`. */
export function ticks(low, high, count = 5) {
  if (!(high > low)) high = low + 1;
  const raw = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= raw);
  const found = [];
  for (let at = Math.ceil(low / step) * step; at <= high + step * 1e-9; at += step) found.push(Math.abs(at) < step * 1e-9 ? 0 : at);
  return found;
}

const short = (value) => { const size = Math.abs(value); return size >= 1e9 ? `${+(value / 1e9).toPrecision(4)} G` : size >= 1e6 ? `${+(value / 1e6).toPrecision(4)} M` : size >= 1e4 ? `${+(value / 1e3).toPrecision(4)} k` : String(+value.toPrecision(6)); };

function timeText(ms, span) {
  const date = new Date(ms);
  const two = (each) => String(each).padStart(2, "0");
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}${span < 600_000 ? `:${two(date.getSeconds())}` : ""}`;
  return span > 172_800_000 ? `${date.getMonth() + 1}/${date.getDate()}${span < 864_000_000 ? ` ${clock}` : ""}` : clock;
}

/** Draws into `room`. `said(text)` gets what is under the pointer or the cursor. */
export function drawChart(room, columns, rows, chosen, said) {
  const width = Math.max(280, room.clientWidth - 28), height = Math.round(Math.max(240, Math.min(560, innerHeight * 0.42)));
  const left = 64, right = 14, top = 12, bottom = chosen.kind === "bar" ? 70 : 34;
  const svg = element("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", tabindex: "0" });
  svg.style.height = `${height}px`;
  const type = chosen.x < 0 ? "BIGINT" : columns[chosen.x].type;
  const inOrder = chosen.kind === "bar" || chosen.x < 0 || !(isTime(type) || isNumeric(type));
  let points = rows.map((row, index) => ({ label: chosen.x < 0 ? String(index + 1) : textOf(row[chosen.x]), x: inOrder ? index : place(row[chosen.x], type), ys: chosen.ys.map((y) => number(row[y])) }));
  if (chosen.kind === "bar") points = points.slice(0, BARS_MAX);
  else points = points.filter((each) => Number.isFinite(each.x)).sort((a, b) => a.x - b.x);
  const all = points.flatMap((each) => each.ys).filter(Number.isFinite);
  svg.setAttribute("aria-label", `${chosen.kind === "bar" ? "Bars" : "Lines"} of ${chosen.ys.map((y) => columns[y].name).join(", ")} by ${chosen.x < 0 ? "row" : columns[chosen.x].name}, ${points.length} points`);
  if (!all.length) { room.append(make("p", "muted", "There are no numbers to draw.")); return; }
  let low = all.reduce((a, b) => Math.min(a, b), Infinity), high = all.reduce((a, b) => Math.max(a, b), -Infinity);
  if (chosen.kind === "bar" || low > 0 && low < high * 0.6) low = Math.min(0, low);
  if (chosen.kind === "bar") high = Math.max(0, high);
  const yTicks = ticks(low, high);
  low = Math.min(low, yTicks[0]);
  high = Math.max(high, yTicks.at(-1));
  const y = (value) => top + (1 - (value - low) / (high - low || 1)) * (height - top - bottom);
  for (const each of yTicks) {
    svg.append(element("line", { class: "axis", x1: left, x2: width - right, y1: y(each), y2: y(each) }));
    svg.append(element("text", { x: left - 8, y: y(each) + 4, "text-anchor": "end" }, short(each)));
  }
  const describe = (point) => `${safe(point.label)}: ${chosen.ys.map((index, at) => `${safe(columns[index].name)} ${Number.isFinite(point.ys[at]) ? point.ys[at].toLocaleString("en-US") : "none"}`).join(", ")}`;
  const spots = [];
  if (chosen.kind === "bar") {
    const slot = (width - left - right) / points.length;
    const bar = Math.max(1, (slot * 0.78) / chosen.ys.length);
    points.forEach((point, index) => {
      const from = left + index * slot + slot * 0.11;
      point.ys.forEach((value, series) => {
        if (!Number.isFinite(value)) return;
        svg.append(element("rect", { class: `bar${series + 1}`, x: from + series * bar, y: Math.min(y(value), y(0)), width: Math.max(1, bar - 1), height: Math.max(0.5, Math.abs(y(value) - y(0))), rx: Math.min(3, bar / 4) }));
      });
      spots.push(from + slot * 0.39);
      const every = Math.ceil(points.length / Math.max(1, Math.floor((width - left) / 34)));
      if (index % every === 0) {
        const at = [left + (index + 0.5) * slot, height - bottom + 16];
        const words = safe(point.label);
        const room = Math.max(4, Math.floor((slot * every) / 7.2));
        const turned = words.length > room;
        svg.append(element("text", { x: at[0], y: at[1], "text-anchor": turned ? "end" : "middle", ...(turned ? { transform: `rotate(-32 ${at[0]} ${at[1]})` } : {}) }, words.length > 14 && turned ? `${words.slice(0, 13)}…` : words));
      }
    });
  } else {
    const first = points[0]?.x ?? 0, last = points.at(-1)?.x ?? 1;
    const x = (value) => left + ((value - first) / (last - first || 1)) * (width - left - right);
    const marks = Math.max(2, Math.floor((width - left) / 110));
    if (isTime(type) && chosen.x >= 0) for (let at = 0; at <= (last > first ? marks : 0); at++) { const ms = first + ((last - first) * at) / marks; svg.append(element("text", { x: x(ms), y: height - bottom + 18, "text-anchor": at === 0 ? "start" : at === marks ? "end" : "middle" }, timeText(ms, last - first))); }
    else if (inOrder && chosen.x >= 0) { const every = Math.max(1, Math.ceil(points.length / marks)); points.forEach((point, index) => { if (index % every === 0) svg.append(element("text", { x: x(point.x), y: height - bottom + 18, "text-anchor": index === 0 ? "start" : "middle" }, safe(point.label).slice(0, 14))); }); }
    else for (const each of ticks(first, last, marks)) if (each >= first && each <= last) svg.append(element("text", { x: x(each), y: height - bottom + 18, "text-anchor": "middle" }, short(each)));
    chosen.ys.forEach((_, series) => {
      let path = "";
      let open = false;
      for (const point of points) {
        const value = point.ys[series];
        if (!Number.isFinite(value)) { open = false; continue; }
        path += `${open ? "L" : "M"}${x(point.x).toFixed(1)} ${y(value).toFixed(1)}`;
        open = true;
      }
      svg.append(element("path", { class: `line s${series + 1}`, d: path }));
      if (points.length <= 60) for (const point of points) if (Number.isFinite(point.ys[series])) svg.append(element("circle", { class: `dot${series + 1}`, cx: x(point.x), cy: y(point.ys[series]), r: 2.6 }));
    });
    for (const point of points) spots.push(x(point.x));
  }
  svg.append(element("line", { class: "axis", x1: left, x2: width - right, y1: y(Math.max(low, Math.min(high, 0))), y2: y(Math.max(low, Math.min(high, 0))) }));
  const cross = element("line", { class: "cross", y1: top, y2: height - bottom });
  let at = -1;
  const point = (index) => {
    at = Math.max(0, Math.min(points.length - 1, index));
    cross.setAttribute("x1", spots[at]);
    cross.setAttribute("x2", spots[at]);
    if (!cross.isConnected) svg.append(cross);
    said(describe(points[at]));
  };
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const spot = ((event.clientX - box.left) / box.width) * width;
    let best = 0;
    for (let index = 1; index < spots.length; index++) if (Math.abs(spots[index] - spot) < Math.abs(spots[best] - spot)) best = index;
    point(best);
  });
  svg.addEventListener("pointerleave", () => { cross.remove(); said(""); });
  svg.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step) { event.preventDefault(); event.stopPropagation(); point(at < 0 ? (step > 0 ? 0 : points.length - 1) : at + step); }
  });
  room.append(svg);
}

/** The chart with its legend and what can be changed. */
export function showChart(room, columns, rows, total) {
  const begun = choose(columns, rows);
  room.replaceChildren();
  if (!begun) { room.append(make("p", "muted", rows.length ? "A chart needs a column of numbers beside one of names, times or numbers." : "There are no rows to draw.")); return; }
  const chosen = { ...begun };
  const select = (label, options, value, change) => {
    const box = make("label", "", label);
    const field = make("select");
    for (const [key, text] of options) { const option = make("option", "", safe(text)); option.value = key; field.append(option); }
    field.value = String(value);
    field.addEventListener("change", () => change(field.value));
    box.append(field);
    return box;
  };
  const draw = () => {
    room.replaceChildren();
    const bar = make("div", "chart-bar");
    const names = columns.map((column, index) => [String(index), column.name]);
    const numeric = names.filter(([index]) => isNumeric(columns[index].type));
    bar.append(
      select("Kind", [["line", "Lines"], ["bar", "Bars"]], chosen.kind, (value) => { chosen.kind = value; draw(); }),
      select("Across", [["-1", "row number"], ...names], chosen.x, (value) => { chosen.x = Number(value); draw(); }),
      select("Lines by", [["-1", "-"], ...names.filter(([index]) => Number(index) !== chosen.x && !isNumeric(columns[index].type))], chosen.by, (value) => { chosen.by = Number(value); draw(); }),
      select("Up", [...(chosen.ys.length > 1 ? [["all", `${chosen.ys.length} columns`]] : []), ...numeric], chosen.ys.length > 1 ? "all" : chosen.ys[0], (value) => { chosen.ys = value === "all" ? begun.ys : [Number(value)]; draw(); }),
      make("span", "grow"),
    );
    const words = make("p", "muted");
    words.setAttribute("role", "status");
    bar.append(words);
    const legend = make("div", "chart-legend");
    const wide = chosen.by >= 0 && chosen.x >= 0 && chosen.by !== chosen.x ? pivot(columns, rows, chosen) : null;
    const shown = wide ? { columns: wide.columns, rows: wide.rows, chosen: { kind: chosen.kind, x: 0, ys: wide.columns.map((_, index) => index).slice(1) } } : { columns, rows, chosen };
    shown.chosen.ys.forEach((index, series) => { const each = make("span"); each.append(make("i", `l${series + 1}`), safe(shown.columns[index].name)); legend.append(each); });
    room.append(bar, legend);
    drawChart(room, shown.columns, shown.rows, shown.chosen, (text) => { words.textContent = text; });
    if (wide?.left) room.append(make("p", "muted", `The ${SERIES_MAX} largest are drawn; ${wide.left.toLocaleString("en-US")} more are not.`));
    const bars = chosen.kind === "bar" && shown.rows.length > BARS_MAX;
    const drawn = bars ? BARS_MAX : rows.length;
    if (bars && wide) room.append(make("p", "muted", `The first ${BARS_MAX} of ${shown.rows.length.toLocaleString("en-US")} are drawn.`));
    else if (drawn < total) room.append(make("p", "muted", `The first ${drawn.toLocaleString("en-US")} of ${total.toLocaleString("en-US")} rows are drawn.`));
  };
  draw();
}
