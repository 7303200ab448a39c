// Forms of pages in a dialog: a link with `data-dialog` shows the form of the page it leads to; without script one goes
// there. And what a key does with the row that is chosen: a button with `data-row-go` goes to the row's page and on.
import { fetchPart } from "./fetching.js";
import { openDialog, toast } from "./dialog.js";

document.addEventListener("click", async (event) => {
  const link = event.target.closest("a[data-dialog]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  await openForm(link.href);
});

async function openForm(address) {
  try {
    const { response, part } = await fetchPart(address);
    const form = part.querySelector("form[data-change]");
    if (!form) { toast(part.querySelector("h1")?.textContent ?? `The console answered ${response.status}.`, "bad"); return; }
    const body = document.createElement("div");
    body.className = "dialog-body";
    const title = document.createElement("h1");
    title.textContent = part.querySelector("h1")?.textContent ?? "";
    const own = document.importNode(form, true);
    own.classList.remove("card");
    body.append(title, own);
    openDialog(body, title.textContent);
  } catch {
    toast("The console cannot be reached.", "bad");
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-row-go]");
  if (!button) return;
  const rows = document.querySelectorAll("[data-table] tr[data-href]");
  // Where there is one, it is the one that is meant; else nobody shall change what they did not choose.
  const row = document.querySelector("[data-table] tr[aria-selected=true]") ?? (rows.length === 1 ? rows[0] : null);
  if (!row?.dataset.href) { toast("Choose a row first: click it, or j and k.", "warn"); return; }
  const address = row.dataset.href + button.dataset.rowGo;
  if ("rowDialog" in button.dataset) openForm(address); else location.assign(address);
});
