// The palette: pages by name, actions of this page, and topics and groups by what is typed.
import { openDialog } from "./dialog.js";

const base = () => document.body.dataset.base ?? "";
let known = []; // topics and groups, as they were when the palette was open last
let looking = false;

/** Looks again what topics and groups there are: the page may have been open for hours. */
async function lookForNames() {
  const names = [];
  looking = true;
  const ask = async (path, key, kind) => {
    try {
      const response = await fetch(`${base()}/${path}.json?internal=1`, { headers: { Accept: "application/json" } });
      if (!response.ok) return;
      const data = await response.json();
      for (const row of data.table?.rows ?? []) {
        const name = row[key] ?? row.name;
        if (typeof name === "string") names.push({ title: name, kind, href: `${base()}/${path}/${partOf(name)}` });
      }
    } catch { /* the pages are there without them */ }
  };
  await Promise.all([ask("topics", "name", "topic"), ...(document.querySelector('#nav a[href$="/groups"]') ? [ask("groups", "group_id", "group")] : [])]);
  looking = false;
  known = names;
}

/** A name as one part of an address, as web/names.py writes it. */
export function partOf(name) {
  const escape = (character) => [...new TextEncoder().encode(character)].map((byte) => `~${byte.toString(16).toUpperCase().padStart(2, "0")}`).join("");
  if (/^\.*$/.test(name)) return [...name].map(escape).join("");
  return name.replace(/[^A-Za-z0-9_.-]/gu, escape).replace(/\.(?=(json|csv)$)/, "~2E");
}

function pages() {
  const found = [...document.querySelectorAll("#nav a")].map((link) => ({ title: link.textContent.trim(), words: link.dataset.words, kind: "page", href: link.getAttribute("href"), keys: link.dataset.keys }));
  for (const link of document.querySelectorAll(".switcher .menu-list a")) found.push({ title: link.textContent.trim(), words: "cluster context ctx", kind: "cluster", href: link.getAttribute("href") });
  for (const each of document.querySelectorAll("[data-key]:not(tr)")) if (!each.disabled) found.push({ title: each.dataset.keyLabel ?? each.textContent.trim(), kind: "action", run: () => each.click(), keys: each.dataset.key });
  found.push({ title: "Dark or light", kind: "action", words: "theme", run: () => document.querySelector("[data-theme-toggle]")?.click() });
  return found;
}

// Words before a name, as on the terminal's command line: `:tail orders`, `:g billing`. What follows is where of it they lead.
const OF_TOPIC = { topic: "", topics: "", t: "", to: "", partitions: "", pa: "", parts: "", records: "/records", browse: "/records", r: "/records", tail: "/tail", follow: "/tail", search: "/search", find: "/search", produce: "/produce", send: "/produce", configs: "/configs", config: "/configs", cfg: "/configs" };
const OF_GROUP = { group: "", groups: "", g: "", consumers: "", members: "/members" };
const BROKER = ["broker", "brokers", "b", "nodes"], SQL = ["sql", "s", "query"], CONTEXT = { ctx: "", context: "", contexts: "" };

/** Entries for a command with a name behind it; null when it is none. */
function commanded(typed, entries) {
  const match = /^([a-z]+)\s+(\S.*)$/i.exec(typed);
  if (!match) return null;
  const word = match[1].toLowerCase(), rest = match[2];
  if (SQL.includes(word)) return [{ title: rest, kind: "sql: shows the plan", href: `${base()}/sql?q=${encodeURIComponent(rest)}` }];
  if (BROKER.includes(word) && /^\d+$/.test(rest)) return [{ title: `Broker ${rest}`, kind: "broker", href: `${base()}/brokers/${rest}` }];
  for (const [table, kind] of [[OF_TOPIC, "topic"], [OF_GROUP, "group"], [CONTEXT, "cluster"]]) {
    if (!Object.hasOwn(table, word)) continue;
    return best(entries.filter((each) => each.kind === kind), rest.toLowerCase()).map((each) => ({ ...each, kind: table[word].slice(1) || kind, href: each.href + table[word] }));
  }
  return null;
}

/** Those that match, the best first. */
const best = (entries, typed) => entries.map((entry) => [score(entry, typed), entry]).filter(([points]) => points > 0).sort((a, b) => b[0] - a[0]).slice(0, 40).map(([, entry]) => entry);

/** How well `text` matches: 0 not at all; a beginning before a word before letters in order. */
function score(entry, typed) {
  if (!typed) return entry.kind === "page" ? 3 : entry.kind === "topic" || entry.kind === "group" ? 0 : 1;
  const title = entry.title.toLowerCase();
  if (title === typed) return 7;
  if (entry.words?.split(" ").includes(typed)) return 6;
  if (title.startsWith(typed)) return 5;
  if (title.includes(typed)) return 4;
  if (entry.words?.includes(typed)) return 3;
  let at = 0;
  for (const letter of typed) { at = title.indexOf(letter, at) + 1; if (!at) return 0; }
  return 1;
}

function open() {
  const body = document.createElement("div");
  body.className = "palette";
  const input = document.createElement("input");
  input.setAttribute("role", "combobox");
  input.setAttribute("aria-label", "Go to a page, a topic or a group");
  input.setAttribute("aria-expanded", "true");
  input.setAttribute("aria-controls", "palette-list");
  input.placeholder = "Page, topic, group… or a command: tail orders";
  input.autocomplete = "off";
  input.spellcheck = false;
  const list = document.createElement("ul");
  list.id = "palette-list";
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", "Where to go");
  body.append(input, list);
  let entries = pages().concat(known);
  let shown = [];
  let at = 0;
  const draw = () => {
    const typed = input.value.trim();
    shown = commanded(typed, entries) ?? best(entries, typed.toLowerCase());
    at = Math.min(at, Math.max(0, shown.length - 1));
    list.replaceChildren(...shown.map((entry, index) => {
      const item = document.createElement("li");
      item.id = `palette-${index}`;
      item.setAttribute("role", "option");
      item.setAttribute("aria-selected", String(index === at));
      const words = document.createElement("span");
      words.textContent = entry.title;
      const kind = document.createElement("span");
      kind.className = "muted";
      kind.textContent = entry.keys ?? entry.kind;
      item.append(words, kind);
      item.addEventListener("click", () => go(entry));
      return item;
    }));
    if (!shown.length) { const none = document.createElement("li"); none.className = "muted"; none.setAttribute("role", "presentation"); none.textContent = looking ? "Looking…" : "Nothing of that name."; list.append(none); }
    if (shown.length) input.setAttribute("aria-activedescendant", `palette-${at}`); else input.removeAttribute("aria-activedescendant");
    list.children[at]?.scrollIntoView({ block: "nearest" });
  };
  const go = (entry) => { box.close(); if (entry.run) entry.run(); else location.assign(entry.href); };
  input.addEventListener("input", () => { at = 0; draw(); });
  input.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) { at = Math.max(0, Math.min(shown.length - 1, at + step)); draw(); event.preventDefault(); }
    if (event.key === "Enter" && shown[at]) { event.preventDefault(); go(shown[at]); }
  });
  const box = openDialog(body, "Go to");
  input.focus();
  const isShown = () => box.open && box.contains(list);
  const look = () => lookForNames().then(() => { entries = pages().concat(known); if (isShown()) draw(); });
  // What was made a moment ago comes with the next snapshot.
  const onSnapshot = () => { if (isShown()) look(); else document.removeEventListener("stoker:snapshot", onSnapshot); };
  document.addEventListener("stoker:snapshot", onSnapshot);
  look();
  draw();
}

document.addEventListener("stoker:palette", open);
document.addEventListener("click", (event) => { if (event.target.closest("[data-palette]")) open(); });
