// One record: key and value as a tree, as text, or in hexadecimal. A worker holds them and gives out what can be seen.
import { copyText } from "../copy.js";
import { toast } from "../dialog.js";
import { List, withKeys } from "./list.js";
import { fill, make, safe } from "./safe.js";

const HEIGHTS = { tree: 22, text: 20, hex: 20 };
const PIECE = 200;

class PartView {
  constructor(section) {
    this.section = section;
    this.body = section.querySelector("[data-body]");
    this.worker = null;
    this.waiting = new Map();
    this.next = 0;
    this.opened = null;
    this.view = "";
    this.views = section.querySelector("[data-views]");
    this.views.hidden = false;
    this.hasTree = section.dataset.tree === "1";
    this.views.querySelector("[data-view=tree]").hidden = !this.hasTree;
    section.addEventListener("click", (event) => this.onClick(event));
    this.views.addEventListener("keydown", (event) => this.onTabKey(event));
  }

  ask(name, more = {}) {
    if (!this.worker) {
      this.worker = new Worker(new URL("./record_worker.js", import.meta.url), { type: "module" });
      this.worker.addEventListener("message", ({ data }) => {
        const { resolve, reject } = this.waiting.get(data.id) ?? {};
        this.waiting.delete(data.id);
        if (data.error === undefined) resolve?.(data.result); else reject?.(new Error(data.error));
      });
      this.worker.addEventListener("error", () => { for (const { reject } of this.waiting.values()) reject(new Error("the record cannot be shown in this browser")); this.waiting.clear(); });
    }
    const id = this.next++;
    return new Promise((resolve, reject) => { this.waiting.set(id, { resolve, reject }); this.worker.postMessage({ id, name, ...more }); });
  }

  ready() {
    const { api, source, part } = this.section.dataset;
    this.opened ??= this.ask("open", { url: new URL(api, location.href).href, source, part });
    return this.opened;
  }

  async show(view) {
    this.view = view;
    for (const tab of this.views.querySelectorAll("[data-view]")) {
      tab.setAttribute("aria-selected", String(tab.dataset.view === view));
      tab.tabIndex = tab.dataset.view === view ? 0 : -1;
    }
    try {
      const about = await this.ready();
      const columns = Math.max(40, Math.floor((this.body.clientWidth - 48) / 7.8));
      const count = await this.ask(view, { columns });
      if (this.view === view) this.draw(view, count, about);
    } catch (error) {
      if (view === "tree") { this.hasTree = false; this.views.querySelector("[data-view=tree]").hidden = true; await this.show("text"); }
      this.fail(view === "tree" ? `No tree: ${error.message}.` : error.message);
    }
  }

  fail(words) {
    const problem = this.section.querySelector("[data-problem]");
    problem.textContent = safe(words);
    problem.hidden = false;
  }

  draw(view, count, about) {
    const box = make("div", "vlist");
    box.tabIndex = 0;
    box.setAttribute("role", view === "tree" ? "tree" : "region");
    box.setAttribute("aria-label", `${this.section.dataset.part} as ${view}`);
    this.body.replaceChildren(box);
    if (about.cut) this.body.append(make("p", "muted", "The first 1,048,576 characters of what it decodes to; the bytes are all there."));
    const pieces = new Map();
    const list = new List(box, { height: HEIGHTS[view], role: view === "tree" ? "treeitem" : "presentation", draw: (row, index) => {
      const piece = Math.floor(index / PIECE);
      const rows = pieces.get(piece);
      if (rows instanceof Promise || rows === undefined) {
        row.className = "vlist-row waiting";
        row.textContent = "…";
        if (rows === undefined) pieces.set(piece, this.ask("rows", { view, from: piece * PIECE, to: (piece + 1) * PIECE }).then((found) => { if (list.box.isConnected) { pieces.set(piece, found); list.redraw(); } }));
        return;
      }
      (view === "tree" ? treeRow : view === "hex" ? hexRow : textRow)(row, rows[index - piece * PIECE]);
    } });
    const fit = (rows) => { box.style.height = `${Math.min(rows * HEIGHTS[view] + 4, Math.max(240, innerHeight * 0.6))}px`; list.reset(rows); };
    fit(count);
    this.list = list;
    if (view !== "tree") { withKeys(list); return; }
    const toggle = async (index) => { const rows = await this.ask("toggle", { index }); pieces.clear(); fit(rows); };
    box.addEventListener("click", (event) => {
      const index = list.indexOf(event.target);
      if (index < 0) return;
      list.select(index, false);
      if (event.target.closest(".twist, .t-open") && !String(getSelection())) toggle(index);
    });
    box.addEventListener("keydown", async (event) => {
      const row = pieces.get(Math.floor(list.selected / PIECE))?.[list.selected % PIECE];
      if (!row || event.ctrlKey || event.metaKey) return;
      if ((event.key === "ArrowRight" && row.twist === "closed") || (event.key === "ArrowLeft" && row.twist === "open")) { event.preventDefault(); toggle(list.selected); }
      if (event.key === "c") { event.preventDefault(); await copyText(await this.ask("source", { index: list.selected })); toast("Copied."); }
    });
    withKeys(list, { open: toggle });
  }

  async onClick(event) {
    const tab = event.target.closest("[data-view]");
    if (tab) this.show(tab.dataset.view);
    const copy = event.target.closest("[data-copy-whole]");
    if (!copy) return;
    try {
      await this.ready();
      await copyText(await this.ask("copy", { what: copy.dataset.copyWhole }));
      toast(copy.dataset.copyWhole === "base64" ? "Copied as base64." : "Copied.");
    } catch (error) { this.fail(error.message); }
  }

  onTabKey(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const tabs = [...this.views.querySelectorAll("[data-view]:not([hidden])")];
    const next = tabs[(tabs.indexOf(event.target) + step + tabs.length) % tabs.length];
    next.focus();
    this.show(next.dataset.view);
  }
}

function treeRow(row, said) {
  row.className = "vlist-row tree-row";
  if (!said) return;
  row.setAttribute("aria-level", said.depth + 1);
  if (said.twist) row.setAttribute("aria-expanded", String(said.twist === "open")); else row.removeAttribute("aria-expanded");
  const indent = make("span");
  indent.style.paddingLeft = `${Math.min(said.depth, 60) * 1.5}em`;
  const parts = [indent, make("span", "twist", said.twist === "open" ? "▾" : said.twist === "closed" ? "▸" : "")];
  if (said.key !== null) parts.push(make("span", said.named ? "t-key" : "t-note", safe(said.key)), ": ");
  const value = make("span", said.twist ? "t-open" : `t-${said.kind}`);
  fill(value, safe(said.text));
  parts.push(value);
  if (said.note) parts.push(" ", make("span", "t-note", said.note));
  row.replaceChildren(...parts);
}

function hexRow(row, said) {
  row.className = "vlist-row hex-row";
  if (said) row.replaceChildren(make("span", "at", said[0]), `  ${said[1]}  `, make("span", "as", said[2]));
}

function textRow(row, said) {
  row.className = "vlist-row hex-row";
  row.textContent = safe(said ?? "").replaceAll("\\t", "\t");
}

for (const section of document.querySelectorAll("[data-part]")) {
  if (!section.querySelector("[data-views]") || section.dataset.format === "empty") continue;
  const view = new PartView(section);
  view.show(view.hasTree ? "tree" : section.dataset.format === "bytes" ? "hex" : "text");
}
