// Everything that can be done: the list with its command line, forms, and the buttons for what is chosen.
import { openDialog, toast } from "../dialog.js";
import { html } from "./dom.js";

let forms = [];
let ask = null;

export function startActing(given, asking) { forms = given; ask = asking; }

/** Does a line as it would be typed; says what came of it. */
export async function doLine(line) {
  const answer = await ask("do", { line });
  if (answer.error) toast([answer.error, answer.hint].filter(Boolean).join(". "), "warn");
  return !answer.error;
}

/** Closes a dialog, and leaves the keys to the page: a field that is closed away keeps the focus else. */
function shut(box) { box.close(); if (box.contains(document.activeElement)) document.activeElement.blur(); }

const quoted = (value) => (/[\s"'\\#]/.test(value) || value === "" ? `'${value.replaceAll("'", "'\"'\"'")}'` : value);

/** The list of all actions: type to find one, or a whole command. */
export async function openActions(typed = "") {
  const body = html("div", { class: "palette lab-actions" });
  const input = html("input", { role: "combobox", "aria-label": "Something to do, as kill 2", "aria-expanded": "true", "aria-controls": "lab-action-list", placeholder: "kill 2 · produce orders hello acks=1 · or choose", autocomplete: "off", spellcheck: "false" });
  const list = html("ul", { id: "lab-action-list", role: "listbox", "aria-label": "What can be done" });
  body.append(input, list);
  let found = [];
  let at = 0;
  const draw = () => {
    const word = input.value.trim().toLowerCase();
    const first = word.split(/\s+/)[0];
    found = forms.filter((form) => !word || form.tag.startsWith(first) || (!word.includes(" ") && `${form.title} ${form.group}`.toLowerCase().includes(word)));
    at = Math.min(at, Math.max(0, found.length - 1));
    list.replaceChildren(...found.map((form, index) => {
      const item = html("li", { id: `lab-action-${index}`, role: "option", "aria-selected": String(index === at), title: form.help }, html("span", {}, form.title, html("small", {}, ` ${form.help}`)), html("code", { class: "muted" }, form.usage));
      item.addEventListener("click", () => openForm(form));
      return item;
    }));
    if (found.length) input.setAttribute("aria-activedescendant", `lab-action-${at}`);
    list.children[at]?.scrollIntoView({ block: "nearest" });
  };
  input.value = typed;
  input.addEventListener("input", () => { at = 0; draw(); });
  input.addEventListener("keydown", async (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) { at = Math.max(0, Math.min(found.length - 1, at + step)); draw(); event.preventDefault(); return; }
    if (event.key !== "Enter") return;
    event.preventDefault();
    const line = input.value.trim();
    const exact = forms.find((form) => form.tag === line.split(/\s+/)[0]);
    if (exact && (line.includes(" ") || !exact.fields.some((field) => field.required))) { if (await doLine(line)) shut(box); } else if (found[at]) openForm(found[at]);
  });
  const box = openDialog(body, "Do something to the world");
  draw();
  input.focus();
}

/** The form of one action; `known`: what is known already. */
export async function openForm(form, known = {}) {
  const names = (await ask("names", {})).result ?? {};
  const body = html("form", { class: "dialog-body lab-form" }, html("h2", {}, form.title), html("p", { class: "muted" }, form.help));
  for (const field of form.fields) {
    const id = `lab-f-${field.name}`;
    const options = field.choices.length ? field.choices : { node: names.node, host: names.to, topic: names.topic, partition: names.partition, client: names.name, message: names.message }[field.kind];
    let input;
    if (field.kind === "flag") input = html("input", { type: "checkbox", id, name: field.name, checked: field.default === "true" });
    else if (options && field.kind !== "group" && (field.required || field.choices.length)) {
      input = html("select", { id, name: field.name }, ...options.map((value) => html("option", { value, selected: (known[field.name] ?? field.default) === value }, field.kind === "node" ? `Node ${value}` : value === "0" && field.kind === "host" ? "Clients" : field.kind === "host" ? `Node ${value}` : value)));
    } else input = html("input", { id, name: field.name, value: known[field.name] ?? field.default, required: field.required, autocomplete: "off", spellcheck: "false", inputmode: field.kind === "number" ? "numeric" : null });
    body.append(html("div", { class: "field" }, field.kind === "flag" ? html("label", { class: "check" }, input, ` ${field.label}`) : html("label", { for: id }, field.label), field.kind === "flag" ? null : input, field.help ? html("p", { class: "field-help" }, field.help) : null));
  }
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
  const show = () => { line.textContent = lineNow(); };
  body.addEventListener("input", show);
  body.addEventListener("submit", async (event) => { event.preventDefault(); if (await doLine(lineNow())) shut(box); });
  const box = openDialog(body, form.title);
  show();
}

export const formOf = (tag) => forms.find((form) => form.tag === tag);

/** Facts and buttons for what is chosen; null when it is gone. */
export function inspected(chosen, store) {
  const [kind, name, other] = chosen.split("/");
  const button = (words, line) => ({ words, line });
  if (kind === "node") {
    const node = store.get(chosen);
    if (!node) return null;
    const up = node.state !== "down";
    return { title: `Node ${name}`, facts: [["State", `${node.state}${node.is_paused ? ", paused" : ""}, life ${node.life}`], ["Roles", node.roles.join(", ")], ["Leads", `${node.leads} partitions`], ["Quorum epoch", node.quorum_epoch], ["Fenced", node.is_fenced ? "yes: the controller does not count on it" : "no"]], buttons: [
      ...(up ? [button("Kill", `kill ${name}`), button("Stop", `stop ${name}`), node.is_paused ? button("Resume", `resume ${name}`) : button("Pause", `pause ${name}`)] : [button("Start", `restart ${name}`)]),
      button("Cut the power", `power-cut ${name}`), button("Wipe", `wipe ${name}`), node.slow_ms ? button("As fast as before", `slow-down ${name} by_ms=0`) : button("Slow: +400 ms", `slow-down ${name} by_ms=400`),
      node.disk_full || node.disk_broken ? button("Repair the disk", `repair-disk ${name}`) : button("Fill the disk", `fill-disk ${name}`), button("Disk: syncs fail", `break-disk ${name} operation=fsync`), node.clock_offset_ms ? button("Clock right", `skew-clock ${name}`) : button("Clock +1 h", `skew-clock ${name} offset_ms=3600000`),
      button("Isolate", `partition ${name}|${store.all("node").map((each) => each.id).filter((id) => String(id) !== name).join(",")}`), button("Heal the network", "heal"),
      ...(node.is_voter ? [] : [button("Remove", `remove-node ${name}`)]) ] };
  }
  if (kind === "link") {
    const [a, b] = [name, other].map((each) => each.replace("node-", "").replace("clients", "0"));
    return { title: `${name} ↔ ${other}`, facts: [], buttons: [button("Cut both ways", `cut ${a} ${b}`), button(`Cut ${name} → ${other}`, `cut ${a} ${b} both_ways=false`), button(`Cut ${other} → ${name}`, `cut ${b} ${a} both_ways=false`), button("Heal the network", "heal")] };
  }
  if (kind === "message") {
    const id = chosen.slice(8);
    const message = (store.get("messages") ?? []).find((each) => each.id === id);
    if (!message) return null;
    return { title: `${message.api} ${message.kind}`, facts: [["From, to", `${message.source} → ${message.to}`], ["Size", `${message.size_bytes} bytes`], ["Arrives", message.is_held ? "held" : message.is_stalled ? "stuck: the link is cut" : `in ${message.due_in_ms.toFixed(2)} ms`]], buttons: [message.is_held ? button("Release", `release '${id}'`) : button("Hold", `hold '${id}'`), button("Delay 500 ms", `delay '${id}' 500`), button("Drop", `drop '${id}'`)] };
  }
  if (kind === "client") {
    const client = store.get(chosen);
    if (!client) return null;
    const buttons = { running: [button("Crash", `crash-client ${name}`), button("Pause", `pause-client ${name}`), button("End", `remove-client ${name}`)], paused: [button("Resume", `resume-client ${name}`), button("Crash", `crash-client ${name}`)], crashed: [button("Start again", `restart-client ${name}`)] }[client.state] ?? [];
    return { title: `${client.kind} ${name}`, facts: [["State", client.state], ["Topic", client.topic], ...(client.last_error ? [["Last error", client.last_error]] : []), ...(client.positions.length ? [["Position", client.positions.map(([partition, offset]) => `${partition}: ${offset}`).join(", ")]] : []), ...(client.reads_from.length ? [["Reads from", client.reads_from.map(([partition, node]) => `${partition}: node ${node}`).join(", ")]] : [])], buttons: client.name.startsWith("hand") ? [] : buttons };
  }
  if (kind === "clients") return { title: "Clients", facts: [], buttons: [{ words: "Produce a record…", form: "produce" }, { words: "Producer…", form: "add-producer" }, { words: "Consumer…", form: "add-consumer" }, { words: "Group member…", form: "add-member" }] };
  if (kind === "partition" || kind === "log") {
    const partition = store.get(`partition/${name}`);
    if (!partition) return null;
    const log = kind === "log" ? store.get(chosen) : null;
    const facts = log ? [["Replica", `on node ${log.node}, ${log.is_online ? "online" : "offline"}`], ["Log start, end", `${log.log_start_offset}, ${log.log_end_offset}`], ["High watermark", log.high_watermark], ["Last stable offset", log.last_stable_offset], ["On disk up to", log.durable_end_offset], ["Epochs", log.epochs.map(([epoch, offset]) => `${epoch} from ${offset}`).join(", ") || "none"]] : [["Leader", partition.leader < 0 ? "nobody" : `node ${partition.leader}`], ["ISR", partition.isr.join(", ")], ["High watermark", partition.high_watermark]];
    return { title: name, facts, buttons: [{ words: "Produce here…", form: "produce", known: { topic: partition.topic, partition: String(partition.partition) } }, button("Elect the preferred leader", `elect ${partition.topic} ${partition.partition}`), button("Unclean election", `elect ${partition.topic} ${partition.partition} unclean=true`), { words: "Change a config…", form: "set-config", known: { topic: partition.topic } }, button("Delete the topic", `delete-topic ${partition.topic}`)] };
  }
  return null;
}
