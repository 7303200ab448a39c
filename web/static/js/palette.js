// The palette: pages by name, actions of this page, and topics and groups by what is typed.
import { openDialog } from "./dialog.js";

const base = () => document.body.dataset.base ?? "";
let names = null;

async function knownNames() {
  if (names) return names;
  names = [];
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
  return names;
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

/** How well `text` matches: 0 not at all; a beginning before a word before letters in order. */
function score(entry, typed) {
  if (!typed) return entry.kind === "page" ? 3 : entry.kind === "topic" || entry.kind === "group" ? 0 : 1;
  const title = entry.title.toLowerCase();
  if (title === typed) return 6;
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
  input.placeholder = "Page, topic, group…";
  input.autocomplete = "off";
  input.spellcheck = false;
  const list = document.createElement("ul");
  list.id = "palette-list";
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", "Where to go");
  body.append(input, list);
  let entries = pages();
  let shown = [];
  let at = 0;
  const draw = () => {
    const typed = input.value.trim().toLowerCase();
    shown = entries.map((entry) => [score(entry, typed), entry]).filter(([points]) => points > 0).sort((a, b) => b[0] - a[0]).slice(0, 40).map(([, entry]) => entry);
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
  draw();
  input.focus();
  knownNames().then((found) => { entries = pages().concat(found); if (box.open && box.contains(list)) draw(); });
}

document.addEventListener("stoker:palette", open);
document.addEventListener("click", (event) => { if (event.target.closest("[data-palette]")) open(); });
