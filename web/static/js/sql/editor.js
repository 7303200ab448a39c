// The editor: a text area, what is in it coloured behind it, and completions. Undo, selection and input methods are the
// browser's own.
import { make, safe } from "../records/safe.js";
import { base } from "../records/stream.js";
import { FUNCTIONS, KEYWORDS, quoted, tokens } from "./words.js";

const LINE = 20;
const PADDING = [12, 10];
const OFFERED = 60;

export class Editor {
  constructor(root, { run, changed }) {
    this.root = root;
    this.area = root.querySelector("textarea");
    this.shown = root.querySelector("[data-shown]");
    this.numbers = root.querySelector("[data-lines]");
    this.list = root.querySelector("[data-words]");
    this.catalog = null;
    this.offers = [];
    this.at = 0;
    this.closings = 0;
    this.run = run;
    this.changed = changed;
    this.area.addEventListener("input", (event) => { this.draw(); this.changed(); this.offer(event.inputType === "insertText" || event.inputType === "deleteContentBackward" ? 2 : 99); });
    this.area.addEventListener("scroll", () => this.scroll());
    this.area.addEventListener("keydown", (event) => this.onKey(event));
    this.area.addEventListener("blur", () => setTimeout(() => this.close(), 150));
    this.area.addEventListener("click", () => this.close());
    this.list.addEventListener("mousedown", (event) => { event.preventDefault(); const item = event.target.closest("li"); if (item) { this.at = [...this.list.children].indexOf(item); this.accept(); } });
    this.draw();
  }

  get text() { return this.area.value; }

  /** Another text; undo brings the one before back. */
  set(text) {
    this.area.focus();
    this.area.select();
    if (!document.execCommand("insertText", false, text)) this.area.value = text;
    if (this.area.value !== text) this.area.value = text;
    this.area.setSelectionRange(text.length, text.length);
    this.close();
    this.draw();
    this.changed();
  }

  /** Puts `text` where the cursor is. */
  insert(text) {
    this.area.focus();
    document.execCommand("insertText", false, text);
    this.close();
    this.draw();
    this.changed();
  }

  draw() {
    const text = this.area.value;
    const parts = text.length > 20_000 ? [[text, ""]] : tokens(text);
    this.shown.replaceChildren(...parts.map(([piece, kind]) => (kind ? make("span", `k-${kind}`, piece) : piece)), "\n");
    const lines = text.split("\n").length;
    this.numbers.textContent = Array.from({ length: lines }, (_, index) => index + 1).join("\n");
    const wanted = Math.min(Math.max(lines + 1, 6), 24) * LINE + 2 * PADDING[1];
    if (!this.area.dataset.sized || this.area.offsetHeight < wanted) this.area.style.height = `${wanted}px`;
    this.area.dataset.sized = "1";
    this.scroll();
  }

  scroll() {
    this.shown.scrollTop = this.area.scrollTop;
    this.shown.scrollLeft = this.area.scrollLeft;
    this.numbers.style.height = `${this.area.clientHeight}px`;
    this.numbers.scrollTop = this.area.scrollTop;
  }

  onKey(event) {
    if ((event.ctrlKey || event.metaKey) && event.key === "Enter") { event.preventDefault(); this.close(); this.run(); return; }
    if ((event.ctrlKey || event.metaKey) && event.key === " ") { event.preventDefault(); this.offer(0); return; }
    if (event.key === "Escape") { event.preventDefault(); event.stopPropagation(); if (this.list.hidden) this.area.blur(); else this.close(); return; }
    if (this.list.hidden) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) { event.preventDefault(); this.at = (this.at + step + this.offers.length) % this.offers.length; this.mark(); }
    if (event.key === "Tab" || (event.key === "Enter" && !event.shiftKey)) { event.preventDefault(); this.accept(); }
    if (event.key === "ArrowLeft" || event.key === "ArrowRight") this.close();
  }

  /** The catalog. Whoever types on while it is being asked for waits for the same answer; when there was none, the next one asks again. */
  async words() {
    if (!this.catalog) {
      this.asking ??= fetch(`${base()}/api/sql/tables`, { credentials: "same-origin" })
        .then((response) => (response.ok ? response.json() : null))
        .catch(() => null)
        .finally(() => { this.asking = null; });
      this.catalog = await this.asking;
    }
    return this.catalog ?? { tables: [], topic_columns: [] };
  }

  /** Offers what could stand here, when at least `least` letters of it are there. */
  async offer(least) {
    const caret = this.area.selectionStart;
    if (caret !== this.area.selectionEnd) { this.close(); return; }
    const before = this.area.value.slice(0, caret);
    const typed = /(?:"[^"\n]*|[A-Za-z_][\w.]*)$/.exec(before)?.[0] ?? "";
    const last = tokens(before).at(-1);
    const tableWanted = /\b(from|join)\s+(?:"[^"]*|[\w.]*)$/i.test(before);
    if (["string", "note"].includes(last?.[1]) || (typed.length < least && !(tableWanted && least <= 2))) { this.close(); return; }
    const asked = this.closings;
    const { tables, topic_columns: columns } = await this.words();
    // Whoever ran the statement or pressed Escape meanwhile wants no list any more.
    if (this.area.selectionStart !== caret || this.closings !== asked) return;
    const known = new Set();
    const all = [];
    const put = (text, kind, about) => { if (!known.has(`${text} ${kind}`)) { known.add(`${text} ${kind}`); all.push({ text, kind, about }); } };
    const entry = (each) => put(quoted(each.name), each.kind === "topic" ? "topic" : "table", each.about);
    if (tableWanted) for (const each of tables) entry(each);
    else {
      const text = this.area.value.toLowerCase();
      const named = tables.filter((each) => text.includes(each.name.toLowerCase()));
      if (!named.length || named.some((each) => each.kind === "topic")) for (const each of columns) put(quoted(each.name), "column", each.type);
      for (const each of named) for (const name of each.columns) put(quoted(name), "column", each.name);
      for (const [name, takes] of FUNCTIONS) put(`${name}(${takes})`, "function", "");
      for (const each of KEYWORDS) put(each, "word", "");
      for (const each of tables) entry(each);
    }
    const wanted = typed.replace(/^"/, "").toLowerCase();
    const rank = (each) => { const plain = each.text.replace(/^"/, "").toLowerCase(); return plain.startsWith(wanted) ? 2 : wanted.length > 1 && plain.includes(wanted) ? 1 : 0; };
    this.offers = all.map((each) => [rank(each), each]).filter(([points]) => points > 0).sort((a, b) => b[0] - a[0]).slice(0, OFFERED).map(([, each]) => each);
    this.typed = typed;
    if (!this.offers.length || (this.offers.length === 1 && this.offers[0].text.toLowerCase() === typed.toLowerCase())) { this.close(); return; }
    this.at = 0;
    this.list.replaceChildren(...this.offers.map((each, index) => {
      const item = make("li");
      item.id = `sql-word-${index}`;
      item.setAttribute("role", "option");
      item.append(make("span", "", safe(each.text)), make("span", "muted", safe(each.kind === "column" && each.about ? each.about : each.kind)));
      return item;
    }));
    this.list.hidden = false;
    const lines = before.split("\n");
    const width = this.letter();
    const left = PADDING[0] + (lines.at(-1).length - typed.length) * width - this.area.scrollLeft;
    this.list.style.left = `${Math.max(4, Math.min(left, this.area.clientWidth - 240))}px`;
    this.list.style.top = `${PADDING[1] + lines.length * LINE - this.area.scrollTop + 2}px`;
    this.root.style.overflow = "visible";
    this.mark();
  }

  letter() {
    if (!this.width) {
      const probe = make("span", "", "0".repeat(100));
      this.shown.append(probe);
      this.width = probe.getBoundingClientRect().width / 100;
      probe.remove();
    }
    return this.width;
  }

  mark() {
    [...this.list.children].forEach((item, index) => { item.setAttribute("aria-selected", String(index === this.at)); if (index === this.at) item.scrollIntoView({ block: "nearest" }); });
    this.area.setAttribute("aria-activedescendant", `sql-word-${this.at}`);
  }

  accept() {
    const chosen = this.offers[this.at];
    if (!chosen) return;
    const caret = this.area.selectionStart;
    this.area.focus();
    this.area.setSelectionRange(caret - this.typed.length, caret);
    document.execCommand("insertText", false, chosen.text);
    if (chosen.kind === "function" && chosen.text.endsWith(")")) {
      // What it takes is selected, to be typed over.
      const open = chosen.text.indexOf("(");
      const begin = this.area.selectionStart - chosen.text.length + open + 1;
      if (chosen.text.length - open > 2) this.area.setSelectionRange(begin, begin + chosen.text.length - open - 2);
    }
    this.close();
    this.draw();
    this.changed();
  }

  close() {
    this.closings += 1;
    this.list.hidden = true;
    this.root.style.overflow = "";
    this.area.removeAttribute("aria-activedescendant");
  }
}
