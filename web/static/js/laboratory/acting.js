// Everything that can be done: the list with its command line, forms, and the buttons for what is chosen.
import { openDialog } from "../dialog.js";
import { html } from "./dom.js";

let forms = [];
/** Words to time, as they are typed, with what they do: `to MOMENT`. */
let words = [];
let ask = null;

export function startActing(given, asking) { forms = given.forms; words = given.words; ask = asking; }

/** Does a line as it would be typed; says what came of it. */
export async function doLine(line) {
  const answer = await ask("run", { line });
  return !answer.error;
}

/** Closes a dialog, and leaves the keys to the page: a field that is closed away keeps the focus else. */
function shut(box) { box.close(); if (box.contains(document.activeElement)) document.activeElement.blur(); }

const quoted = (value) => (/[\s"'\\#]/.test(value) || value === "" ? `'${value.replaceAll("'", "'\"'\"'")}'` : value);

/** A line to type, with what it could become below: an action to the world, or a word to time. */
export async function openActions(typed = "") {
  const body = html("div", { class: "palette lab-actions" });
  const input = html("input", { role: "combobox", "aria-label": "Something to do, as kill 2", "aria-expanded": "true", "aria-controls": "lab-action-list", placeholder: "kill 2 · produce orders hello acks=1 · to 12.5 · or choose", autocomplete: "off", spellcheck: "false" });
  const list = html("ul", { id: "lab-action-list", role: "listbox", "aria-label": "What can be done" });
  body.append(input, list);
  let found = [];
  let at = 0;
  let moved = false;
  const draw = () => {
    at = Math.min(at, Math.max(0, found.length - 1));
    list.replaceChildren(...found.map((each, index) => {
      const item = html("li", { id: `lab-action-${index}`, role: "option", "aria-selected": String(index === at), title: each.help }, html("span", {}, each.title, html("small", {}, ` ${each.help}`)), html("code", { class: "muted" }, each.usage));
      item.addEventListener("click", each.run);
      return item;
    }));
    if (found.length) input.setAttribute("aria-activedescendant", `lab-action-${at}`);
    list.children[at]?.scrollIntoView({ block: "nearest" });
  };
  const become = (line) => { input.value = line; input.focus(); at = 0; moved = false; return look(); };
  const finish = async (line) => { if (await doLine(line)) shut(box); };
  const first = () => input.value.trim().split(/\s+/)[0].toLowerCase();
  const timeWord = (name) => words.find(([usage]) => usage.split(" ")[0] === name);
  /** A word to time is done at once, unless it wants to know more. */
  const begin = ([usage]) => (usage.includes(" ") ? become(`${usage.split(" ")[0]} `) : finish(usage));
  async function look() {
    const line = input.value;
    const word = line.trim().toLowerCase();
    if (line.includes(" ") && word) {
      // Behind the first word: what the world knows to go on with.
      const fits = (await ask("complete", { line }, { silent: true })).result ?? [];
      if (input.value !== line) return;
      found = fits.map(([each, what]) => ({ title: each, help: what, usage: "", run: () => become(each.endsWith("=") ? each : `${each} `) }));
      const known = timeWord(first());
      if (known) found.push({ title: known[0], help: known[1], usage: "", run: () => finish(input.value) });
    } else {
      const fits = (text) => !word || text.toLowerCase().includes(word);
      found = [...forms.filter((form) => fits(`${form.tag} ${form.title} ${form.group}`)).map((form) => ({ title: form.title, help: form.help, usage: form.usage, run: () => openForm(form) })), ...words.filter(([usage]) => fits(usage)).map((each) => ({ title: each[0], help: each[1], usage: "", run: () => begin(each) }))];
      const begins = (each) => Number(`${each.usage || each.title} `.startsWith(`${word} `)) * 2 + Number((each.usage || each.title).startsWith(word));
      found.sort((one, other) => begins(other) - begins(one));
    }
    draw();
  }
  async function enter() {
    const line = input.value.trim();
    const [form, known] = [formOf(first()), timeWord(first())];
    if (moved && found[at]) return found[at].run();
    if (line.includes(" ") && (form || known)) return finish(line);
    if (form && line === form.tag) return form.fields.some((field) => field.required) ? (input.value.includes(" ") && found[at] ? found[at].run() : openForm(form)) : finish(line);
    if (known && line === first()) return known[0].includes(" ") && !["open"].includes(line) ? become(`${line} `) : finish(line);
    return found[at] ? found[at].run() : finish(line);
  }
  input.value = typed;
  input.addEventListener("input", () => { at = 0; moved = false; look(); });
  input.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) { event.preventDefault(); at = Math.max(0, Math.min(found.length - 1, moved || !input.value ? at + step : at)); moved = true; draw(); }
    else if (event.key === "Tab" && input.value && found[at]) { event.preventDefault(); found[at].run(); }
    else if (event.key === "Enter") { event.preventDefault(); enter(); }
  });
  const box = openDialog(body, "Do something to the world");
  input.focus();
  await look();
}

/** The form of one action; `known`: what is known already. */
export async function openForm(form, known = {}) {
  const names = (await ask("names", {})).result ?? {};
  const body = html("form", { class: "dialog-body lab-form" }, html("h2", {}, form.title), html("p", { class: "muted" }, form.help));
  for (const field of form.fields) {
    const id = `lab-f-${field.name}`;
    const options = field.choices.length ? field.choices : { node: names.node, host: names.to, topic: names.topic, partition: names.partition, client: names.name, message: names.message }[field.kind];
    const words = Object.fromEntries((names.messages ?? []).map((each) => [each.id, each.words]));
    let input;
    if (field.kind === "flag") input = html("input", { type: "checkbox", id, name: field.name, checked: field.default === "true" });
    else if (options && field.kind !== "group" && (field.required || field.choices.length)) {
      input = html("select", { id, name: field.name }, ...options.map((value) => html("option", { value, selected: (known[field.name] ?? field.default) === value }, field.kind === "node" ? `Node ${value}` : value === "0" && field.kind === "host" ? "Clients" : field.kind === "host" ? `Node ${value}` : words[value] ?? value)));
    } else input = html("input", { id, name: field.name, value: known[field.name] ?? field.default, required: field.required, autocomplete: "off", spellcheck: "false", inputmode: field.kind === "number" ? "numeric" : null });
    body.append(html("div", { class: "field" }, field.kind === "flag" ? html("label", { class: "check" }, input, ` ${field.label}`) : html("label", { for: id }, field.label), field.kind === "flag" ? null : input, field.help ? html("p", { class: "field-help" }, field.help) : null, field.notes?.length ? html("p", { class: "field-help", id: `${id}-note`, "aria-live": "polite" }) : null));
  }
  const note = () => {
    for (const field of form.fields.filter((each) => each.notes?.length)) {
      body.querySelector(`#lab-f-${field.name}-note`).textContent = field.notes[field.choices.indexOf(body.elements[field.name].value)] ?? "";
    }
  };
  const line = html("code", { class: "grow" });
  body.append(html("div", { class: "command" }, line), html("div", { class: "dialog-foot" }, html("button", { type: "button", "data-close": true }, "Cancel"), html("button", { type: "submit", class: "primary" }, "Do it")));
  const lineNow = () => {
    const parts = [form.tag];
    for (const field of form.fields) {
      const input = body.elements[field.name];
      const value = field.kind === "flag" ? String(input.checked) : input.value.trim();
      if (field.kind === "flag" ? value !== (field.default || "false") : field.required || (value && value !== field.default)) {
        if (field.name === "configs") parts.push(...value.split(/\s+/)); else parts.push(field.required ? quoted(value) : `${field.name}=${quoted(value)}`);
      }
    }
    return parts.join(" ");
  };
  const show = () => { line.textContent = lineNow(); note(); };
  body.addEventListener("input", show);
  body.addEventListener("submit", async (event) => { event.preventDefault(); if (await doLine(lineNow())) shut(box); });
  const box = openDialog(body, form.title);
  show();
}

export const formOf = (tag) => forms.find((form) => form.tag === tag);
