// Quorum, clients and groups, invariants, what was lost, and the timeline; and the signs of its lines.
import { html, keyed, set, text } from "./dom.js";

const LINES_MAX = 160;
export const SIGNS = { election: "▲", quorum: "★", isr: "◆", truncation: "✂", lost: "✖", violation: "✖", fenced: "⊘", node: "●", action: "▶", group: "⇄", disk: "▣", retention: "⌫", config: "⚙", produce: "↑", broken: "✖", "high-watermark": "↗" };

export function drawQuorum(root, store) {
  const quorum = store.get("quorum");
  if (!quorum) return;
  text(root.querySelector("[data-quorum-head]"), quorum.leader < 0 ? "no leader" : `node ${quorum.leader} leads · epoch ${quorum.epoch} · committed to ${quorum.high_watermark}`);
  const table = root.querySelector("[data-quorum]");
  if (!table.tBodies.length) table.append(html("thead", {}, html("tr", {}, ...["Node", "State", "Epoch", "Follows", "Voted", "Log end"].map((each) => html("th", { scope: "col" }, each)))), html("tbody"));
  keyed(table.tBodies[0], quorum.voters, (voter) => voter.node, () => html("tr", {}, ...Array.from({ length: 6 }, () => html("td"))), (row, voter) => {
    const cells = [String(voter.node), `${voter.state === "leader" ? "★ " : ""}${voter.state}`, dash(voter.epoch), dash(voter.leader), dash(voter.voted_for), dash(voter.log_end_offset)];
    cells.forEach((words, at) => text(row.cells[at], words));
    row.className = voter.is_online ? "" : "muted";
  });
  keyed(root.querySelector("[data-quorum-log]"), quorum.log.slice(-10).reverse(), (line) => line, () => html("li"), (item, line) => text(item, line));
}

const dash = (number) => (number < 0 ? "–" : String(number));

export function drawClients(root, store, choose) {
  keyed(root.querySelector("[data-clients]"), store.all("client"), (client) => client.name, () => html("button", { type: "button", class: "lab-client" }, html("strong"), html("span"), html("span", { class: "muted" })), (element, client) => {
    const [name, figures, note] = element.children;
    text(name, `${{ running: "●", paused: "❚❚", crashed: "✕", over: "○" }[client.state] ?? ""} ${client.name}`);
    const reads = client.kind !== "producer";
    text(figures, reads ? `${client.group ? `in ${client.group} · ` : ""}read ${client.read}${client.group ? ` · processed ${client.processed}` : ""}` : `acks=${client.acks < 0 ? "all" : client.acks}${client.idempotent ? " idempotent" : ""} · sent ${client.sent} · acknowledged ${client.acked}${client.failed ? ` · failed ${client.failed}` : ""}`);
    text(note, client.state === "running" ? client.last_error : client.state);
    element.onclick = () => choose(`client/${client.name}`);
  });
  keyed(root.querySelector("[data-groups]"), store.all("group"), (group) => group.group, () => html("div", { class: "lab-group" }, html("h3"), html("ul"), html("div", { class: "lab-offsets" })), (element, group) => {
    const [title, members, offsets] = element.children;
    text(title, `Group ${group.group}: ${group.state} · generation ${group.generation}${group.protocol ? ` · ${group.protocol}` : ""} · coordinator node ${group.coordinator}`);
    keyed(members, group.members, (member) => member.member_id, () => html("li"), (item, member) => text(item, `${member.is_leader ? "♛ " : ""}${member.client}${member.instance_id ? ` (static ${member.instance_id})` : ""} ← ${member.assignment.join(", ") || "nothing"}`));
    keyed(offsets, group.offsets, (each) => `${each.topic}-${each.partition}`, () => html("div", { class: "lab-offset" }, html("span"), html("progress", { max: 1 }), html("span", { class: "num" })), (line, each) => {
      const [name, bar, words] = line.children;
      text(name, `${each.topic}-${each.partition}`);
      set(bar, { max: Math.max(1, each.end), value: Math.max(0, each.committed), "aria-label": `committed ${each.committed} of ${each.end}` });
      text(words, `committed ${each.committed} of ${Math.max(0, each.end)} · lag ${each.lag}`);
    });
  });
  const none = root.querySelector("[data-clients]");
  if (!store.all("client").length && !none.querySelector(".empty-note")) none.append(html("p", { class: "muted empty-note" }, "Nobody yet: press a, or click Clients above."));
  else if (store.all("client").length) none.querySelector(".empty-note")?.remove();
}

export function drawInvariants(root, store, look) {
  const all = store.get("invariants") ?? [];
  const bad = all.filter((each) => !each.holds);
  const lost = store.get("lost") ?? [];
  const head = root.querySelector("[data-invariants-head]");
  text(head, bad.length ? `✖ ${bad.length} violated` : `✓ ${all.length} hold`);
  head.className = `badge ${bad.length ? "bad" : "ok"}`;
  root.querySelector("[data-invariants-card]").classList.toggle("violated", bad.length > 0);
  if (bad.length) root.querySelector("#lab-inv").open = true;
  keyed(root.querySelector("[data-invariants]"), [...bad, ...all.filter((each) => each.holds)], (each) => each.name, () => html("li", {}, html("strong"), html("span"), html("button", { type: "button", hidden: true })), (item, each) => {
    const [name, words, button] = item.children;
    item.className = each.holds ? "" : "bad";
    item.title = each.source;
    text(name, `${each.holds ? "✓" : "✖"} ${each.name}`);
    text(words, each.holds ? each.text : `${each.text} ${each.detail}${each.cause ? ` At that event: ${each.cause}.` : ""}`);
    button.hidden = each.holds;
    text(button, each.holds ? "" : `${each.cause ? "" : "by "}event ${each.callback}, at ${(each.at_ms / 1000).toFixed(3)} s`);
    button.onclick = () => look(each.at_ms);
  });
  keyed(root.querySelector("[data-lost]"), lost.slice(0, 8), (each) => `${each.topic}-${each.partition}-${each.offset}-${each.value}`, () => html("p", { class: "lab-lost" }), (item, each) => text(item, `✖ Lost: “${each.value}” (${each.topic}-${each.partition}, offset ${each.offset}), acknowledged with acks=${each.acks < 0 ? "all" : each.acks}.`));
}

export function drawTimeline(root, store, look, quiet) {
  const found = [];
  const lines = store.lines;
  for (let at = lines.length - 1; at >= 0 && found.length < LINES_MAX; at -= 1) if (!quiet || lines[at].kind !== "high-watermark") found.push(lines[at]);
  keyed(root, found, (event) => `${store.life}-${event.number}`, () => html("li", {}, html("button", { type: "button", class: "at" }), html("span", { class: "sign", "aria-hidden": "true" }), html("div", {}, html("p"), html("p", { class: "why" }))), (item, event) => {
    const [at, sign, body] = item.children;
    item.className = `${event.is_bad ? "bad" : ""} is-${event.kind}`;
    text(at, (event.at_ms / 1000).toFixed(3));
    at.title = "Look at this moment";
    at.onclick = () => look(event.at_ms);
    text(sign, SIGNS[event.kind] ?? "·");
    text(body.children[0], event.text);
    text(body.children[1], `${event.why}${event.kip ? ` ${event.kip}` : ""}`.trim());
  });
}
