// The keymap: the same keys as in the terminal. `?` shows it. Pages add their own: any element with `data-key="n"` is
// clicked by that key (`data-key-label` says what it does, else its words; `data-also` is a second key for the same), and
// links of the navigation by `g` and a letter.
import { openDialog } from "./dialog.js";

const KEYMAP = [
  { keys: [":", "Control+k"], label: "Go to… (palette)", run: () => emit("palette") },
  { keys: ["/"], label: "Filter", run: () => focusFilter() },
  { keys: ["?"], label: "This help", run: () => showHelp() },
  { keys: ["j", "ArrowDown"], label: "Next row", run: () => emit("row", { by: 1 }) },
  { keys: ["k", "ArrowUp"], label: "Row before", run: () => emit("row", { by: -1 }) },
  { keys: ["PageDown"], label: "A page on", run: () => emit("row", { by: 20 }) },
  { keys: ["PageUp"], label: "A page back", run: () => emit("row", { by: -20 }) },
  { keys: ["g", "g g", "Home"], label: "First row", run: () => emit("row", { to: "first" }) },
  { keys: ["G", "End"], label: "Last row", run: () => emit("row", { to: "last" }) },
  { keys: ["Enter", "d"], label: "Open the row", run: () => emit("open") },
  { keys: ["c"], label: "Copy the row's name", run: () => emit("copy") },
  { keys: ["p"], label: "Pause and go on with live updates", run: () => document.querySelector("[data-live-toggle]:not([hidden])")?.click() },
  { keys: ["r"], label: "Fetch anew", run: () => emit("refresh") },
  { keys: ["t"], label: "Times: local, UTC, relative", run: () => emit("time") },
  { keys: ["-"], label: "Back", run: () => history.back() },
  { keys: ["Escape"], label: "Out of a field, a filter, a dialog", run: () => leave() },
];

const FOLLOWS_MS = 900;
let waiting = "";
let waitingTimer = 0;

/** Tells the modules: "stoker:palette", "stoker:row", ... */
export function emit(name, detail = {}) {
  return document.dispatchEvent(new CustomEvent(`stoker:${name}`, { detail, cancelable: true }));
}

function isTyping(target) {
  return target instanceof HTMLElement && (target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName));
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.isComposing) return;
  const modifier = event.ctrlKey || event.metaKey;
  if (modifier && event.key.toLowerCase() === "k") { event.preventDefault(); emit("palette"); return; }
  if (modifier || event.altKey) return;
  if (event.key === "Escape") { leave(event); return; }
  if (isTyping(event.target) || document.querySelector("dialog[open]")) return;
  // What has the focus keeps its own keys: a button Enter, a link Enter.
  const own = event.target.closest?.("a, button, summary, [role=tab], [role=option]");
  if (own && (event.key === "Enter" || event.key === " ")) return;
  const pressed = waiting ? `${waiting} ${event.key}` : event.key;
  clearTimeout(waitingTimer);
  waiting = "";
  // A letter may follow; when none does, g alone is the first row.
  if (pressed === "g") { waiting = "g"; waitingTimer = setTimeout(() => { waiting = ""; run("g"); }, FOLLOWS_MS); event.preventDefault(); return; }
  if (run(pressed)) event.preventDefault();
});

function run(pressed) {
  const entry = KEYMAP.find((each) => each.keys.includes(pressed));
  if (entry) {
    const scrolls = ["ArrowDown", "ArrowUp", "PageDown", "PageUp", "Home", "End", "Enter"].includes(pressed);
    if (scrolls && !document.querySelector("[data-table] tr[data-key]")) return false;
    entry.run();
    return true;
  }
  const target = keyed().find((each) => !each.disabled && (keyOf(each) === pressed || each.dataset.also === pressed));
  if (!target) return false;
  target.click();
  return true;
}

/** Elements with keys of their own; rows have a `data-key` that means something else. */
const keyed = () => [...document.querySelectorAll("[data-key]:not(tr), [data-keys]")];
const keyOf = (element) => element.dataset.keys ?? element.dataset.key;

function focusFilter() {
  const field = document.querySelector("[data-filter]");
  if (field) { field.focus(); field.select(); }
}

function leave(event) {
  if (document.querySelector("dialog[open]")) return; // the dialog closes itself
  const field = document.activeElement;
  if (isTyping(field)) {
    event?.preventDefault();
    if (field.matches("[data-filter]") && field.value) { field.value = ""; field.dispatchEvent(new Event("input", { bubbles: true })); return; }
    field.blur();
    return;
  }
  if (!emit("escape")) return;
  for (const each of document.querySelectorAll("details[data-popover][open]")) each.open = false;
}

export const shownKey = (keys) => ({ "Control+k": "Ctrl K", ArrowDown: "↓", ArrowUp: "↑", ArrowLeft: "←", ArrowRight: "→", PageDown: "PgDn", PageUp: "PgUp", Escape: "Esc" })[keys] ?? keys;

function showHelp() {
  const body = document.createElement("div");
  body.className = "dialog-body";
  const title = document.createElement("h2");
  title.textContent = "Keyboard";
  body.append(title);
  const section = (words) => {
    const heading = document.createElement("h3");
    heading.textContent = words;
    const list = document.createElement("div");
    list.className = "keys";
    body.append(heading, list);
    return list;
  };
  const add = (list, keys, label) => {
    const line = document.createElement("div");
    const words = document.createElement("span");
    words.textContent = label;
    const caps = document.createElement("span");
    for (const each of keys) { const cap = document.createElement("kbd"); cap.textContent = shownKey(each); caps.append(cap, " "); }
    line.append(words, caps);
    list.append(line);
  };
  const own = keyed().filter((each) => !each.closest("#nav"));
  if (own.length) {
    const here = section("On this page");
    for (const each of own) add(here, [keyOf(each), each.dataset.also].filter(Boolean), each.dataset.keyLabel ?? each.textContent.trim());
  }
  const everywhere = section("Everywhere");
  // A page that has its own use for a key says so above.
  const taken = new Set(own.flatMap((each) => [keyOf(each), each.dataset.also]));
  for (const entry of KEYMAP) if (!entry.keys.some((each) => taken.has(each))) add(everywhere, entry.keys.filter((each) => each !== "g g"), entry.label);
  const pages = section("Pages");
  for (const each of keyed().filter((link) => link.closest("#nav"))) add(pages, [keyOf(each)], each.dataset.keyLabel ?? each.textContent.trim());
  const foot = document.createElement("div");
  foot.className = "dialog-foot";
  const close = document.createElement("button");
  close.type = "button";
  close.textContent = "Close";
  close.dataset.close = "";
  foot.append(close);
  body.append(foot);
  openDialog(body, "Keyboard");
}

document.addEventListener("click", (event) => { if (event.target.closest("[data-help]")) showHelp(); });
