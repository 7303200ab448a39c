// A list of any length: only the rows that can be seen are in the document. Rows have one height, or each its own.
const ROOM_MAX = 8_000_000; // Browsers draw no element much higher; beyond, scrolling is scaled.
const MORE = 6; // Rows beyond the edges.
let lists = 0;

export class List {
  /** `box` scrolls. `draw(element, index)` fills a row. `height` of a row in px. */
  constructor(box, { draw, height, role = "row", head = 0 }) {
    this.head = head; // px at the top of the box that a heading covers
    this.box = box;
    this.draw = draw;
    this.height = height;
    this.role = role;
    this.name = `list-${++lists}`;
    this.count = 0;
    this.tops = null; // with heights of their own: where each row begins, and where the last one ends
    this.selected = -1;
    this.version = 0;
    this.room = document.createElement("div");
    this.room.className = "vlist-room";
    box.replaceChildren(this.room);
    this.rows = new Map();
    this.spare = [];
    this.frame = 0;
    this.onSelect = () => {};
    this.box.addEventListener("scroll", () => this.later(), { passive: true });
    new ResizeObserver(() => this.later()).observe(box);
  }

  get total() { return this.tops ? this.tops[this.count] ?? 0 : this.count * this.height; }
  get scale() { return this.total > ROOM_MAX ? (this.total - this.box.clientHeight) / (ROOM_MAX - this.box.clientHeight) : 1; }
  /** Where the view is, in the rows' own px. */
  get top() { return this.box.scrollTop * this.scale; }
  set top(value) { this.box.scrollTop = value / this.scale; }
  get atEnd() { return this.box.scrollTop + this.box.clientHeight >= this.room.offsetHeight - 4; }

  topOf(index) { return this.tops ? this.tops[index] : index * this.height; }

  indexAt(px) {
    if (!this.tops) return Math.floor(px / this.height);
    let low = 0, high = this.count;
    while (low < high) { const middle = (low + high + 1) >> 1; if (this.tops[middle] <= px) low = middle; else high = middle - 1; }
    return low;
  }

  /** So many rows; `heights(index)` gives each its own height. What was drawn is drawn anew. */
  reset(count, heights = null) {
    this.count = count;
    this.version++;
    if (heights) {
      const tops = new Float64Array(count + 1);
      for (let index = 0; index < count; index++) tops[index + 1] = tops[index] + heights(index);
      this.tops = tops;
    } else this.tops = null;
    if (this.role === "row") this.box.setAttribute("aria-rowcount", count + (this.head ? 1 : 0));
    this.later();
  }

  later() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => { this.frame = 0; this.now(); });
  }

  /** Draws what can be seen. */
  now() {
    const height = `${Math.min(this.total, ROOM_MAX)}px`;
    if (this.room.style.height !== height) this.room.style.height = height;
    const scale = this.scale;
    const top = this.box.scrollTop * scale;
    const first = Math.max(0, this.indexAt(top) - MORE);
    const last = Math.min(this.count, this.indexAt(top + this.box.clientHeight) + 1 + MORE);
    this.seen = [first, last];
    for (const [index, row] of this.rows) if (index < first || index >= last) { this.rows.delete(index); this.spare.push(row); }
    for (let index = first; index < last; index++) {
      let row = this.rows.get(index);
      if (!row) {
        row = this.spare.pop() ?? this.make();
        this.rows.set(index, row);
        row.dataset.version = "";
      }
      if (row.dataset.version !== String(this.version)) {
        row.dataset.version = this.version;
        row.id = `${this.name}-${index}`;
        if (this.role === "row") row.setAttribute("aria-rowindex", index + (this.head ? 2 : 1));
        this.draw(row, index);
      }
      const at = `translateY(${this.topOf(index) - top + this.box.scrollTop}px)`;
      if (row.style.transform !== at) row.style.transform = at;
      row.style.height = this.tops ? `${this.tops[index + 1] - this.tops[index]}px` : `${this.height}px`;
      if (index === this.selected) row.setAttribute("aria-selected", "true"); else row.removeAttribute("aria-selected");
    }
    for (const row of this.spare) row.remove();
    this.spare.length = Math.min(this.spare.length, 60);
    for (const row of this.rows.values()) if (!row.isConnected) this.room.append(row);
    // The focus stays on the box: this is the row that it is about, for those who hear it.
    const about = this.role === "presentation" ? undefined : this.rows.get(this.selected);
    if (about) this.box.setAttribute("aria-activedescendant", about.id); else this.box.removeAttribute("aria-activedescendant");
  }

  make() {
    const row = document.createElement("div");
    row.className = "vlist-row";
    row.setAttribute("role", this.role);
    return row;
  }

  /** Draws anew what is there. */
  redraw() { this.version++; this.later(); }

  show(index) {
    const from = this.topOf(index), to = this.tops ? this.tops[index + 1] : from + this.height;
    if (from < this.top) this.top = from;
    else if (to > this.top + this.box.clientHeight - this.head) this.top = to - this.box.clientHeight + this.head;
  }

  select(index, scroll = true) {
    if (!this.count) return;
    this.selected = Math.max(0, Math.min(this.count - 1, index));
    if (scroll) this.show(this.selected);
    this.later();
    this.onSelect(this.selected);
  }

  move({ by, to }) {
    const from = this.selected < 0 ? Math.ceil(this.top / this.height) - (by > 0 ? 1 : 0) : this.selected;
    this.select(to === "first" ? 0 : to === "last" ? this.count - 1 : this.selected < 0 && by === 1 ? this.indexAt(this.top) : from + by);
  }

  indexOf(element) {
    const row = element.closest?.(".vlist-row");
    for (const [index, each] of this.rows) if (each === row) return index;
    return -1;
  }

  toEnd() { this.now(); this.box.scrollTop = this.room.offsetHeight; this.now(); }
}

const STEPS = { ArrowDown: { by: 1 }, ArrowUp: { by: -1 }, j: { by: 1 }, k: { by: -1 }, Home: { to: "first" }, End: { to: "last" }, G: { to: "last" } };

/** The keys of rows, for a list that has the focus, and for the page's keys otherwise. */
export function withKeys(list, { open = () => {}, copy = () => {}, page = false } = {}) {
  const rows = () => Math.max(1, Math.floor(list.box.clientHeight / list.height) - 1);
  list.box.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = STEPS[event.key] ?? (event.key === "PageDown" ? { by: rows() } : event.key === "PageUp" ? { by: -rows() } : null);
    if (step) { event.preventDefault(); list.move(step); } else if (event.key === "Enter" && list.selected >= 0 && event.target === list.box) { event.preventDefault(); open(list.selected); }
  });
  if (!page) return;
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || !list.box.isConnected || document.querySelector("dialog[open]")) return;
    if (event.target !== document.body && event.target.id !== "main") return;
    // j, k and G come as the page's keys.
    const step = event.key.length > 1 ? (STEPS[event.key] ?? (event.key === "PageDown" ? { by: rows() } : event.key === "PageUp" ? { by: -rows() } : null)) : null;
    if (step && list.count) { event.preventDefault(); list.move(step); }
    if (event.key === "Enter" && list.selected >= 0) { event.preventDefault(); open(list.selected); }
  });
  document.addEventListener("stoker:row", (event) => { if (list.box.isConnected) list.move(event.detail); });
  document.addEventListener("stoker:open", () => { if (list.box.isConnected && list.selected >= 0) open(list.selected); });
  document.addEventListener("stoker:copy", () => { if (list.box.isConnected && list.selected >= 0) copy(list.selected); });
}
