// What is chosen: its facts, and what can be done to it.
import { doLine, formOf, openForm } from "./acting.js";
import { html, keyed, text } from "./dom.js";

const button = (words, line) => ({ words, line });

export function drawInspector(panel, chosen, store) {
  const found = chosen ? inspected(chosen, store) : null;
  panel.hidden = !found;
  if (!found) return;
  if (!panel.firstChild) panel.append(html("header", {}, html("h3"), html("button", { type: "button", "data-unchoose": true, "aria-label": "Choose nothing", title: "Esc" }, "✕")), html("dl", { class: "facts" }), html("div", { class: "lab-buttons" }));
  const [head, facts, buttons] = panel.children;
  text(head.firstChild, found.title);
  keyed(facts, found.facts.flatMap(([name, value]) => [["dt", name], ["dd", String(value), name]]), ([kind, words, name]) => `${kind}-${name ?? words}`, ([kind]) => html(kind), (element, [, words]) => text(element, words));
  keyed(buttons, found.buttons, (each) => each.line ?? each.words, (each) => html("button", { type: "button", title: each.line ?? "" }, each.words), (element, each) => { text(element, each.words); element.onclick = each.run ?? (() => (each.form ? openForm(formOf(each.form), each.known) : doLine(each.line))); });
}

/** Facts and buttons for what is chosen; null when it is gone. */
function inspected(chosen, store) {
  const [kind, name, other] = chosen.split("/");
  const show = { node: () => ofNode(chosen, name, store), link: () => ofLink(name, other), message: () => ofMessage(chosen.slice(8), store), client: () => ofClient(chosen, name, store), clients: () => ofClients(store), partition: () => ofPartition(name, store), log: () => ofPartition(name, store, store.get(chosen)) };
  return show[kind]?.() ?? null;
}

function ofNode(chosen, name, store) {
  const node = store.get(chosen);
  if (!node) return null;
  const others = store.all("node").map((each) => each.id).filter((id) => String(id) !== name).join(",");
  return {
    title: `Node ${name}`,
    facts: [["State", `${node.state}${node.is_paused ? ", paused" : ""}, life ${node.life}`], ["Roles", node.roles.join(", ")], ["Leads", `${node.leads} partitions`], ["Quorum epoch", node.quorum_epoch], ["Fenced", node.is_fenced ? "yes: the controller does not count on it" : "no"], ["Disk", `${node.disk_used_bytes.toLocaleString("en")} bytes, ${node.unsynced_bytes.toLocaleString("en")} of them in memory only`]],
    buttons: [
      ...(node.state === "down" ? [button("Start", `restart ${name}`)] : [button("Kill", `kill ${name}`), button("Stop", `stop ${name}`), button("Restart", `restart ${name}`), node.is_paused ? button("Resume", `resume ${name}`) : button("Pause", `pause ${name}`)]),
      button("Cut the power", `power-cut ${name}`), button("Wipe", `wipe ${name}`), node.slow_ms ? button("As fast as before", `slow-down ${name} by_ms=0`) : button("Slow: +400 ms", `slow-down ${name} by_ms=400`),
      node.disk_full || node.disk_broken ? button("Repair the disk", `repair-disk ${name}`) : button("Fill the disk", `fill-disk ${name}`), button("Disk: syncs fail", `break-disk ${name} operation=fsync`), node.clock_offset_ms ? button("Clock right", `skew-clock ${name}`) : button("Clock +1 h", `skew-clock ${name} offset_ms=3600000`),
      button("Isolate", `partition ${name}|${others}`), button("Heal the network", "heal"),
      ...(node.is_voter ? [] : [button("Remove", `remove-node ${name}`)]),
    ],
  };
}

function ofLink(name, other) {
  const [a, b] = [name, other].map((each) => each.replace("node-", "").replace("clients", "0"));
  return { title: `${name} ↔ ${other}`, facts: [], buttons: [button("Cut both ways", `cut ${a} ${b}`), button(`Cut ${name} → ${other}`, `cut ${a} ${b} both_ways=false`), button(`Cut ${other} → ${name}`, `cut ${b} ${a} both_ways=false`), button("Heal the network", "heal")] };
}

function ofMessage(id, store) {
  const message = (store.get("messages") ?? []).find((each) => each.id === id);
  if (!message) return null;
  return { title: `${message.api} ${message.kind}`, facts: [["From, to", `${message.source} → ${message.to}`], ["Size", `${message.size_bytes} bytes`], ["Arrives", message.is_held ? "held" : message.is_stalled ? "stuck: the link is cut" : `in ${message.due_in_ms.toFixed(2)} ms`]], buttons: [message.is_held ? button("Release", `release '${id}'`) : button("Hold", `hold '${id}'`), button("Delay 500 ms", `delay '${id}' 500`), button("Drop", `drop '${id}'`)] };
}

function ofClient(chosen, name, store) {
  const client = store.get(chosen);
  if (!client) return null;
  const buttons = { running: [button("Crash", `crash-client ${name}`), button("Pause", `pause-client ${name}`), button("End", `remove-client ${name}`)], paused: [button("Resume", `resume-client ${name}`), button("Crash", `crash-client ${name}`)], crashed: [button("Start again", `restart-client ${name}`)] }[client.state] ?? [];
  return { title: `${client.kind} ${name}`, facts: [["State", client.state], ["Topic", client.topic], ...(client.last_error ? [["Last error", client.last_error]] : []), ...(client.positions.length ? [["Position", client.positions.map(([partition, offset]) => `${partition}: ${offset}`).join(", ")]] : []), ...(client.reads_from.length ? [["Reads from", client.reads_from.map(([partition, node]) => `${partition}: node ${node}`).join(", ")]] : [])], buttons: client.name.startsWith("hand") ? [] : buttons };
}

function ofClients(store) {
  const outside = store.get("outside");
  const facts = outside ? [["Your clients", outside.bootstrap_servers], ["For example", `kcat -b ${outside.bootstrap_servers} -t orders -P`], ["Note", "They are answered while the world is played. What they do is not in the address of a situation."]] : [];
  return { title: "Clients", facts, buttons: [{ words: "Produce a record…", form: "produce" }, { words: "Producer…", form: "add-producer" }, { words: "Consumer…", form: "add-consumer" }, { words: "Group member…", form: "add-member" }, outside ? button("Close the ports", "disconnect") : button("Connect your own…", "connect")] };
}

function ofPartition(name, store, log = null) {
  const partition = store.get(`partition/${name}`);
  if (!partition) return null;
  const facts = log
    ? [["Replica", `on node ${log.node}, ${log.is_online ? "online" : "offline"}`], ["Log start, end", `${log.log_start_offset}, ${log.log_end_offset}`], ["High watermark", log.high_watermark], ["Last stable offset", log.last_stable_offset], ["On disk up to", log.durable_end_offset], ["Epochs", log.epochs.map(([epoch, offset]) => `${epoch} from ${offset}`).join(", ") || "none"]]
    : [["Leader", partition.leader < 0 ? "nobody" : `node ${partition.leader}`], ["ISR", partition.isr.join(", ")], ["High watermark", partition.high_watermark]];
  return { title: name, facts, buttons: [{ words: "Produce here…", form: "produce", known: { topic: partition.topic, partition: String(partition.partition) } }, button("Elect the preferred leader", `elect ${partition.topic} ${partition.partition}`), button("Unclean election", `elect ${partition.topic} ${partition.partition} unclean=true`), { words: "Change a config…", form: "set-config", known: { topic: partition.topic } }, button("Delete the topic", `delete-topic ${partition.topic}`)] };
}
