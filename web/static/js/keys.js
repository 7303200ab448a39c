// The keymap: the same keys as in the terminal. `?` shows it. Pages add their own: any element with `data-key="n"` is
// clicked by that key (`data-key-label` says what it does, else its words), and links of the navigation by `g` and a letter.
import { openDialog } from "./dialog.js";

const KEYMAP = [
  { keys: [":", "Control+k"], label: "Go to… (palette)", run: () => emit("palette") },
  { keys: ["/"], label: "Filter", run: () => focusFilter() },
  { keys: ["?"], label: "This help", run: () => showHelp() },
  { keys: ["j", "ArrowDown"], label: "Next row", run: () => emit("row", { by: 1 }) },
  { keys: ["k", "ArrowUp"], label: "Row before", run: () => emit("row", { by: -1 }) },
  { keys: ["PageDown"], label: "A page on", run: () => emit("row", { by: 20 }) },
  { keys: ["PageUp"], label: "A page back", run: () => emit("row", { by: -20 }) },
  { keys: ["g g", "Home"], label: "First row", run: () => emit("row", { to: "first" }) },
  { keys: ["G", "End"], label: "Last row", run: () => emit("row", { to: "last" }) },
  { keys: ["Enter", "d"], label: "Open the row", run: () => emit("open") },
  { keys: ["c"], label: "Copy the row's name", run: () => emit("copy") },
  { keys: ["p"], label: "Pause and go on with live updates", run: () => document.querySelector("[data-live-toggle]:not([hidden])")?.click() },
  { keys: ["r"], label: "Fetch anew", run: () => emit("refresh") },
  { keys: ["t"], label: "Times: local, UTC, relative", run: () => emit("time") },
  { keys: ["-"], label: "Back", run: () => history.back() },
  { keys: ["Escape"], label: "Out of a field, a filter, a dialog", run: () => leave() },
];

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
  if (run(pressed)) { event.preventDefault(); return; }
  if (event.key === "g") { waiting = "g"; waitingTimer = setTimeout(() => { waiting = ""; }, 1200); event.preventDefault(); }
});

function run(pressed) {
  const entry = KEYMAP.find((each) => each.keys.includes(pressed));
  if (entry) {
    const scrolls = ["ArrowDown", "ArrowUp", "PageDown", "PageUp", "Home", "End", "Enter"].includes(pressed);
    if (scrolls && !document.querySelector("[data-table] tr[data-key]")) return false;
    entry.run();
    return true;
  }
  const target = [...document.querySelectorAll("[data-key], [data-keys]")].find((each) => (each.dataset.keys ?? each.dataset.key) === pressed && each.localName !== "tr" && !each.disabled);
  if (!target) return false;
  target.click();
  return true;
}

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
  const list = document.createElement("div");
  list.className = "keys";
  const add = (keys, label) => {
    const line = document.createElement("div");
    const words = document.createElement("span");
    words.textContent = label;
    const caps = document.createElement("span");
    for (const each of keys) { const cap = document.createElement("kbd"); cap.textContent = shownKey(each); caps.append(cap, " "); }
    line.append(words, caps);
    list.append(line);
  };
  // A page that has its own use for a key says so below.
  const own = new Set([...document.querySelectorAll("[data-key]:not(tr)")].map((each) => each.dataset.key));
  for (const entry of KEYMAP) if (!entry.keys.some((each) => own.has(each))) add(entry.keys, entry.label);
  for (const each of document.querySelectorAll("[data-key], [data-keys]")) {
    if (each.localName === "tr") continue;
    add([each.dataset.keys ?? each.dataset.key], each.dataset.keyLabel ?? each.textContent.trim());
  }
  const foot = document.createElement("div");
  foot.className = "dialog-foot";
  const close = document.createElement("button");
  close.type = "button";
  close.textContent = "Close";
  close.dataset.close = "";
  foot.append(close);
  body.append(title, list, foot);
  openDialog(body, "Keyboard");
}

document.addEventListener("click", (event) => { if (event.target.closest("[data-help]")) showHelp(); });
