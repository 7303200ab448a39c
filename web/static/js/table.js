// Tables: filter while typing, order by heading, a keyboard cursor, and any number of rows: only a window of them is in the
// document, and scrolling fetches others from the server (`from`, `count`), which alone filters and orders. State is in the
// address.
import { baseAddress, exchange, fetchPart, tellUpdate } from "./fetching.js";
import { copyText } from "./copy.js";

const WINDOW = 100;
const tables = new Map(); // element id -> {selected, busy, wanted, height}

const stateOf = (table) => { if (!tables.has(table.id)) tables.set(table.id, { selected: null, at: -1, request: 0, height: 0 }); return tables.get(table.id); };
const matching = (table) => Number(table.dataset.matching);
const startOf = (table) => Number(table.dataset.start);
const shownOf = (table) => Number(table.dataset.shown);
const rowsOf = (table) => [...table.querySelectorAll("tbody[data-rows] > tr[data-key]")];
const isLong = (table) => matching(table) > shownOf(table);

/** Rows that are not in the document take their room: one empty row before, one behind. */
function setRoom(table) {
  const body = table.querySelector("tbody[data-rows]");
  if (!body) return;
  for (const each of body.querySelectorAll(".spacer")) each.remove();
  if (!isLong(table)) return;
  const state = stateOf(table);
  state.height = body.querySelector("tr")?.getBoundingClientRect().height || state.height || 36;
  const spacer = (count) => {
    const row = document.createElement("tr");
    row.className = "spacer";
    row.setAttribute("aria-hidden", "true");
    const cell = document.createElement("td");
    cell.colSpan = table.querySelectorAll("thead th").length;
    cell.style.height = `${count * state.height}px`;
    row.append(cell);
    return row;
  };
  body.prepend(spacer(startOf(table)));
  body.append(spacer(matching(table) - startOf(table) - shownOf(table)));
}

/** Fetches the rows from `start` on, and puts them where the others are. */
async function fetchRows(table, start, { address = baseAddress(), whole = false } = {}) {
  const state = stateOf(table);
  const request = ++state.request;
  const url = new URL(address);
  if (start > 0) url.searchParams.set("from", start);
  const { response, part } = await fetchPart(url);
  if (!response.ok || request !== state.request) return;
  const fresh = part.getElementById(table.id);
  if (!fresh) return;
  const current = document.getElementById(table.id);
  const scroll = current.querySelector("[data-scroll]");
  const body = current.querySelector("tbody[data-rows]");
  const freshBody = fresh.querySelector("tbody[data-rows]");
  const typing = document.activeElement?.matches("[data-filter]") && current.contains(document.activeElement);
  if (whole) {
    const field = current.querySelector("[data-filter]");
    const kept = typing && field ? { value: field.value, from: field.selectionStart, to: field.selectionEnd } : null;
    const top = scroll?.scrollTop ?? 0;
    exchange(current, fresh);
    const now = document.getElementById(table.id);
    if (kept) { const again = now.querySelector("[data-filter]"); again.value = kept.value; again.focus(); again.setSelectionRange(kept.from, kept.to); }
    begin(now);
    const box = now.querySelector("[data-scroll]");
    if (box) box.scrollTop = start > 0 ? top : 0;
    return;
  }
  if (!body || !freshBody) { if (Boolean(body) !== Boolean(freshBody)) { exchange(current, fresh); begin(document.getElementById(table.id)); } return; }
  // A column may have come that had nothing in it so far, or may have gone.
  if (current.querySelectorAll("thead th").length !== fresh.querySelectorAll("thead th").length) { exchange(current, fresh); begin(document.getElementById(table.id)); return; }
  for (const name of ["matching", "start", "shown"]) current.dataset[name] = fresh.dataset[name];
  const count = fresh.querySelector("[data-count]");
  if (count && current.querySelector("[data-count]").textContent !== count.textContent) current.querySelector("[data-count]").replaceChildren(...document.importNode(count, true).childNodes);
  const focusedKey = body.contains(document.activeElement) ? document.activeElement.closest("tr")?.dataset.key : null;
  // While the empty rows are out the box is short and would scroll up: where it was is put back.
  const top = scroll.scrollTop;
  body.replaceChildren(...[...freshBody.children].map((row) => document.importNode(row, true)));
  scroll.classList.toggle("long", isLong(current));
  setRoom(current);
  scroll.scrollTop = top;
  select(current, state.selected, false);
  if (focusedKey !== null && focusedKey !== undefined) rowsOf(current).find((row) => row.dataset.key === focusedKey)?.querySelector("a")?.focus({ preventScroll: true });
  tellUpdate(body);
}

function onScroll(table) {
  const box = table.querySelector("[data-scroll]");
  const state = stateOf(table);
  if (!isLong(table) || !state.height) return;
  const first = Math.floor(box.scrollTop / state.height);
  const last = Math.ceil((box.scrollTop + box.clientHeight) / state.height);
  const start = startOf(table), end = start + shownOf(table);
  if ((first < start && start > 0) || (last > end && end < matching(table))) {
    const wanted = Math.max(0, Math.min(first - Math.floor((WINDOW - (last - first)) / 2), matching(table) - WINDOW));
    clearTimeout(state.timer);
    state.timer = setTimeout(() => fetchRows(table, wanted).catch(() => {}), 40);
  }
}

function select(table, key, scroll = true) {
  const state = stateOf(table);
  state.selected = key;
  for (const row of rowsOf(table)) {
    const chosen = key !== null && row.dataset.key === key;
    if (chosen) { row.setAttribute("aria-selected", "true"); state.at = Number(row.getAttribute("aria-rowindex")) - 2; if (scroll) row.scrollIntoView({ block: "nearest" }); } else row.removeAttribute("aria-selected");
  }
}

async function move(table, { by, to }) {
  const state = stateOf(table);
  const last = matching(table) - 1;
  if (last < 0) return;
  const target = to === "first" ? 0 : to === "last" ? last : Math.max(0, Math.min(last, state.at < 0 ? 0 : state.at + by));
  const start = startOf(table);
  if (target < start || target >= start + shownOf(table)) {
    state.selected = null;
    const from = Math.max(0, Math.min(target - WINDOW / 2, matching(table) - WINDOW));
    await fetchRows(table, from);
    const box = table.querySelector("[data-scroll]");
    box.scrollTop = target * state.height - box.clientHeight / 2;
  }
  const row = rowsOf(table)[target - startOf(table)];
  if (row) select(table, row.dataset.key);
}

const current = () => document.querySelector("[data-table]:has(tr[aria-selected])") ?? document.querySelector("[data-table]:has(tr[data-key])");
const selectedRow = () => document.querySelector("[data-table] tr[aria-selected=true]");

document.addEventListener("stoker:row", (event) => { const table = current(); if (table) move(table, event.detail).catch(() => {}); });
document.addEventListener("stoker:open", () => { const row = selectedRow(); if (row?.dataset.href) location.assign(row.dataset.href); });
document.addEventListener("stoker:copy", () => { const row = selectedRow(); if (row) copyText(row.dataset.key); });
document.addEventListener("stoker:escape", () => { const row = selectedRow(); if (row) select(row.closest("[data-table]"), null); });
document.addEventListener("stoker:refresh-tables", (event) => {
  for (const table of document.querySelectorAll("[data-table]")) event.detail.push(fetchRows(table, startOf(table)).catch(() => {})); // that the console is silent is told once, by the page
});

document.addEventListener("click", (event) => {
  const row = event.target.closest("[data-table] tr[data-key]");
  if (row && !event.target.closest("a, button, input, label") && !String(getSelection())) select(row.closest("[data-table]"), row.dataset.key, false);
  const heading = event.target.closest("a[data-sort]");
  if (heading && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    go(heading.closest("[data-table]"), new URL(heading.href));
  }
});
document.addEventListener("dblclick", (event) => { const row = event.target.closest("[data-table] tr[data-href]"); if (row) location.assign(row.dataset.href); });

/** The table as that address has it; the address is the page's from now on. */
function go(table, address, replace = false) {
  history[replace ? "replaceState" : "pushState"](history.state, "", address);
  return fetchRows(table, 0, { address, whole: true }).catch(() => {});
}

addEventListener("popstate", () => { const table = document.querySelector("[data-table]"); if (table) fetchRows(table, 0, { whole: true }).catch(() => location.reload()); });

let typingTimer = 0;
document.addEventListener("input", (event) => {
  if (!event.target.matches("[data-table] [data-filter]")) return;
  clearTimeout(typingTimer);
  const field = event.target;
  typingTimer = setTimeout(() => {
    const address = baseAddress();
    if (field.value.trim()) address.searchParams.set("q", field.value); else address.searchParams.delete("q");
    go(field.closest("[data-table]"), address, true);
  }, 150);
});
document.addEventListener("submit", (event) => {
  const field = event.target.querySelector?.("[data-filter]");
  if (!field || !event.target.closest("[data-table]")) return;
  event.preventDefault();
  const table = field.closest("[data-table]");
  field.blur();
  move(table, { to: "first" }).catch(() => {});
});

function begin(table) {
  table.querySelector("[data-scroll]")?.addEventListener("scroll", () => onScroll(table), { passive: true });
  setRoom(table);
  if (isLong(table) && startOf(table) > 0 && stateOf(table).at < 0) { const box = table.querySelector("[data-scroll]"); box.scrollTop = startOf(table) * stateOf(table).height; }
}

export function startTables() {
  for (const table of document.querySelectorAll("[data-table]")) begin(table);
}
