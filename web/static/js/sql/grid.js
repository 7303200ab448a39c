// The rows of a result: any number of them, of which only what can be seen is fetched and drawn.
import { List, withKeys } from "../records/list.js";
import { make, safe } from "../records/safe.js";
import { base } from "../records/stream.js";
import { openDialog } from "../dialog.js";
import { copyText } from "../copy.js";

const PAGE = 500;
const PAGES_KEPT = 60;
const HEAD = 44;
const ROW = 29;
const NUMERIC = /^(?:U?(?:TINY|SMALL|BIG|HUGE)?INT(?:EGER)?|DECIMAL.*|FLOAT|DOUBLE|REAL)$/i;

export const isNumeric = (type) => NUMERIC.test(type);
export const isTime = (type) => /^(?:TIMESTAMP|DATE|TIME)/i.test(type);

/** A value as text. */
export function textOf(value) {
  if (value === null || value === undefined) return "NULL";
  if (typeof value === "string") return value;
  if (typeof value === "object" && typeof value.base64 === "string" && Object.keys(value).length === 1) return `base64 ${value.base64}`;
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

export class Grid {
  constructor(box) {
    this.box = box;
    this.list = new List(box, { height: ROW, head: HEAD, draw: (row, index) => this.draw(row, index) });
    this.heading = make("div", "grid-head");
    this.heading.setAttribute("role", "row");
    this.heading.setAttribute("aria-rowindex", 1);
    box.prepend(this.heading);
    this.begin(null, []);
    withKeys(this.list, { page: true, open: (index) => this.open(index), copy: (index) => { const row = this.row(index); if (row) copyText(row.map(textOf).join("\t")); } });
    box.addEventListener("click", (event) => { const index = this.list.indexOf(event.target); if (index >= 0) this.list.select(index, false); });
    box.addEventListener("dblclick", (event) => { const index = this.list.indexOf(event.target); if (index >= 0) this.open(index); });
  }

  /** Another result. */
  begin(id, columns) {
    this.id = id;
    this.columns = columns;
    this.pages = new Map();
    this.count = 0;
    this.sized = false;
    this.list.selected = -1;
    this.heading.replaceChildren();
    this.list.reset(0);
    this.box.scrollTop = 0;
  }

  setColumns(columns) {
    this.columns = columns;
    this.size([]);
  }

  /** Widths by heading and the first rows. */
  size(rows) {
    const widths = this.columns.map(({ name, type }, index) => {
      const longest = rows.slice(0, 200).reduce((most, row) => Math.max(most, Math.min(60, textOf(row[index]).length)), Math.min(40, Math.max(name.length, Math.min(type.length, 18))));
      return Math.round(longest * 7.9 + 26);
    });
    const digits = String(Math.max(this.count, 1)).length;
    this.box.style.setProperty("--cols", [`${digits * 8 + 30}px`, ...widths.map((each) => `${each}px`)].join(" "));
    const corner = make("span", "at", "#");
    corner.setAttribute("role", "columnheader");
    corner.title = "Row";
    const cells = [corner, ...this.columns.map(({ name, type }) => { const cell = make("span", isNumeric(type) ? "num" : ""); cell.setAttribute("role", "columnheader"); cell.title = `${safe(name)}: ${safe(type)}`; cell.append(safe(name), make("small", "", safe(type.toLowerCase()))); return cell; })];
    this.heading.replaceChildren(...cells);
    this.box.setAttribute("aria-colcount", this.columns.length + 1);
  }

  /** Rows that came by themselves. */
  put(from, rows) {
    if (from === 0 && !this.sized && rows.length) { this.sized = true; this.count = Math.max(this.count, rows.length); this.size(rows); }
    for (let at = 0; at < rows.length;) {
      const page = Math.floor((from + at) / PAGE), inside = (from + at) % PAGE;
      const held = this.pages.get(page);
      const part = rows.slice(at, at + PAGE - inside);
      if (Array.isArray(held)) held.splice(inside, part.length, ...part);
      else if (inside === 0) this.pages.set(page, [...part]);
      at += part.length;
    }
  }

  setCount(count) {
    if (count === this.count && this.list.count === count) { this.list.redraw(); return; }
    const digits = String(count).length !== String(this.count).length;
    this.count = count;
    if (digits) this.box.style.setProperty("--cols", this.box.style.getPropertyValue("--cols").replace(/^\S+/, `${String(count).length * 8 + 24}px`));
    this.list.reset(count);
  }

  row(index) {
    const held = this.pages.get(Math.floor(index / PAGE));
    return Array.isArray(held) ? held[index % PAGE] : undefined;
  }

  draw(element, index) {
    element.className = "vlist-row grid-row";
    let row = this.row(index);
    if (!row) { this.fetch(Math.floor(index / PAGE)); element.classList.add("waiting"); row = this.columns.map(() => "…"); }
    const at = make("span", "at", (index + 1).toLocaleString("en-US"));
    at.setAttribute("role", "rowheader");
    const cells = [at];
    row.forEach((value, column) => {
      const cell = make("span", value === null ? "null" : isNumeric(this.columns[column].type) ? "num" : "", safe(textOf(value).slice(0, 500)));
      cell.setAttribute("role", "gridcell");
      cells.push(cell);
    });
    element.replaceChildren(...cells);
  }

  /** A page of rows; those that were seen longest ago are forgotten. */
  fetch(page) {
    const held = this.pages.get(page);
    if (held instanceof Promise || (Array.isArray(held) && held.length >= Math.min(PAGE, this.count - page * PAGE))) return;
    clearTimeout(this.timer);
    // Who scrolls fast sees what is there when it stops.
    this.timer = setTimeout(() => {
      const [first, last] = this.list.seen ?? [0, 0];
      for (let at = Math.floor(first / PAGE); at <= Math.floor(Math.max(first, last - 1) / PAGE); at++) this.load(at);
    }, 30);
  }

  async load(page) {
    const held = this.pages.get(page);
    if (held instanceof Promise) return;
    if (Array.isArray(held) && held.length >= Math.min(PAGE, this.count - page * PAGE)) return;
    const id = this.id;
    const going = this.rows(page * PAGE, PAGE);
    this.pages.set(page, going);
    let rows = null;
    try { rows = await going; } catch { /* asked for again when it is seen again */ }
    if (id !== this.id) return;
    this.pages.delete(page);
    if (rows) this.pages.set(page, rows);
    for (const old of this.pages.keys()) { if (this.pages.size <= PAGES_KEPT) break; this.pages.delete(old); }
    if (rows) this.list.redraw();
  }

  /** Rows from the result store. Throws when it is gone. */
  async rows(from, count) {
    const response = await fetch(`${base()}/api/sql/results/${this.id}?from=${from}&count=${count}`, { credentials: "same-origin" });
    if (!response.ok) { if (response.status === 404) this.box.dispatchEvent(new CustomEvent("stoker:gone", { bubbles: true })); throw new Error("The rows are no longer kept."); }
    return (await response.json()).rows;
  }

  /** A row in full. */
  open(index) {
    const row = this.row(index);
    if (!row) return;
    const body = make("div", "dialog-body");
    const facts = make("dl", "facts row-facts");
    facts.tabIndex = 0;
    row.forEach((value, column) => {
      const text = textOf(value);
      const said = make("dd", value === null ? "none" : "", safe(text.length > 20_000 ? `${text.slice(0, 20_000)}…` : text));
      const copy = make("button", "", "Copy");
      copy.type = "button";
      copy.addEventListener("click", () => copyText(text));
      const line = make("span", "", " ");
      line.append(copy);
      said.append(line);
      facts.append(make("dt", "", safe(this.columns[column].name)), said);
    });
    const foot = make("div", "dialog-foot");
    const close = make("button", "primary", "Close");
    close.type = "button";
    close.dataset.close = "";
    foot.append(close);
    body.append(make("h2", "", `Row ${(index + 1).toLocaleString("en-US")}`), facts, foot);
    openDialog(body, "Row");
  }
}
