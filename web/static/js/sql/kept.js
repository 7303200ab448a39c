// Lists to choose from: statements that are kept, saved by name, and those that were run, the same as the terminal's; and the
// tables there are.
import { openDialog, toast } from "../dialog.js";
import { make, safe } from "../records/safe.js";
import { failureOf } from "../records/stream.js";
import { exactTime, relative } from "../time.js";

/** Statements are this user's, whichever cluster the page is of. */
async function ask(path, options = {}) {
  const response = await fetch(path, { credentials: "same-origin", ...options });
  if (!response.ok) throw await failureOf(response);
  return response.status === 204 ? null : response.json();
}

const button = (words, kind = "") => { const made = make("button", kind, words); made.type = "button"; return made; };

function body(title) {
  const made = make("div", "dialog-body");
  made.append(make("h2", "", title));
  return made;
}

function foot(...more) {
  const made = make("div", "dialog-foot");
  const close = button("Close");
  close.dataset.close = "";
  made.append(close, ...more);
  return made;
}

/** A list to choose from: `coming` gives {entries, note}, entries of {title, text, about, remove}; `use(entry)` gets the one
that is chosen. It opens at once, for what is typed to go into its filter. */
async function choose(title, coming, empty, use) {
  const made = body(title);
  let entries = null, atOnce = false;
  const filter = make("input");
  filter.type = "search";
  filter.placeholder = "Filter";
  filter.setAttribute("aria-label", `Filter: ${title}`);
  const list = make("ul", "pick");
  const first = () => list.querySelector("button.use");
  const draw = () => {
    if (!entries) { list.replaceChildren(make("li", "muted", "…")); return; }
    const wanted = filter.value.toLowerCase();
    const matching = entries.filter((each) => `${each.title} ${each.text} ${each.about}`.toLowerCase().includes(wanted)).slice(0, 200);
    list.replaceChildren(...matching.map((each) => {
      const item = make("li");
      const chosen = button("", "use");
      chosen.append(make("b", "", safe(each.title)), " ", make("span", "muted", safe(each.about)), ...(each.text ? [make("pre", "", each.text.slice(0, 600))] : []));
      chosen.addEventListener("click", () => { document.getElementById("dialog").close(); use(each); });
      item.append(chosen);
      if (each.remove) {
        const remove = button("Forget");
        remove.setAttribute("aria-label", `Forget ${safe(each.title)}`);
        remove.addEventListener("click", async () => { try { await each.remove(); entries = entries.filter((other) => other !== each); draw(); filter.focus(); } catch (error) { toast(error.message, "bad"); } });
        item.append(remove);
      }
      return item;
    }));
    if (!matching.length) list.append(make("li", "muted", entries.length ? "None matches." : empty));
  };
  filter.addEventListener("input", draw);
  filter.addEventListener("keydown", (event) => { if (event.key === "Enter") { event.preventDefault(); atOnce = !entries; first()?.click(); } if (event.key === "ArrowDown") { event.preventDefault(); first()?.focus(); } });
  list.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const all = [...list.querySelectorAll("button.use")];
    (all[all.indexOf(document.activeElement) + step] ?? filter).focus();
  });
  draw();
  made.append(filter, list, foot());
  openDialog(made, title);
  filter.focus();
  try {
    const come = await coming;
    entries = come.entries;
    if (come.note) filter.before(make("p", "muted", come.note));
    draw();
    if (atOnce && made.isConnected) first()?.click();
  } catch (error) { list.replaceChildren(make("li", "field-error", safe(error.message))); }
}

const placeOf = (name) => `/api/sql/saved/${encodeURIComponent(name)}`;
const keep = ({ name, sql, about }) => ask(placeOf(name), { method: "PUT", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ sql, about }) });

async function forget(saved) {
  await ask(placeOf(saved.name), { method: "DELETE" });
  toast(`Forgot ${safe(saved.name)}.`, "ok", async () => { await keep(saved); toast(`${safe(saved.name)} is there again.`); });
}

export function showSaved(use) {
  const entries = async () => (await ask("/api/sql/saved")).map((each) => ({ title: each.name, text: each.sql, about: each.about, remove: () => forget(each) }));
  choose("Saved statements", entries().then((entries) => ({ entries })), "None yet: Save keeps the one in the editor.", use);
}

/** What may stand after FROM; `use(table)` gets the one that is chosen. */
export function showTables(catalog, use) {
  const coming = async () => {
    const { tables, topic_columns: columns } = await catalog;
    return {
      entries: tables.map((each) => ({ title: each.name, about: `${each.kind === "topic" ? "topic" : "table"}${each.about ? `: ${each.about}` : ""}`, text: each.kind === "topic" ? "" : each.columns.join(", "), name: each.name })),
      note: `Every topic has ${columns.map((column) => column.name).join(", ")}; of a JSON value: value->>'$.field'.`,
    };
  };
  choose("Tables", coming(), "There are none, or the cluster does not answer.", use);
}

export function showHistory(use) {
  const entries = async () => (await ask("/api/sql/history")).statements.map((each) => ({ title: relative(each.at_ms), text: each.sql, about: exactTime(each.at_ms) }));
  choose("Statements that were run", entries().then((entries) => ({ entries })), "None yet.", use);
}

export function showSave(sql, name = "") {
  const made = make("form", "dialog-body form");
  made.append(make("h2", "", "Save the statement"));
  const field = (label, id, value, most) => {
    const box = make("div", "field");
    const title = make("label", "", label);
    title.htmlFor = id;
    const input = make("input");
    input.id = id;
    input.value = value;
    input.maxLength = most;
    input.autocomplete = "off";
    box.append(title, input);
    made.append(box);
    return input;
  };
  const named = field("Name", "save-name", name, 100);
  const about = field("What it is for", "save-about", "", 1000);
  const wrong = make("p", "field-error");
  wrong.setAttribute("role", "alert");
  const save = make("button", "primary", "Save");
  save.type = "submit";
  made.append(make("p", "muted", "The same statements are there on the command line: stoker sql --saved."), wrong, foot(save));
  made.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!named.value.trim()) { wrong.textContent = "It needs a name."; named.focus(); return; }
    try {
      const name = named.value.trim();
      const before = (await ask("/api/sql/saved")).find((each) => each.name === name);
      await keep({ name, sql, about: about.value });
      document.getElementById("dialog").close();
      const back = before && before.sql !== sql ? async () => { await keep(before); toast(`${safe(name)} is as it was.`); } : null;
      toast(back ? `Saved as ${safe(name)}, in place of another statement.` : `Saved as ${safe(name)}.`, "ok", back);
    } catch (error) { wrong.textContent = safe(error.message); }
  });
  openDialog(made, "Save the statement");
  named.focus();
}
