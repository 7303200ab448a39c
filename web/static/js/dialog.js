// Dialogs: the plan of a change before it is carried out, the name to be typed where it destroys, and messages.
// A form with `data-change` is sent in the background; the plan that comes back is shown in the dialog. A form that comes
// back with errors takes the place of the one that was sent, with what was typed. Carrying out is an ordinary form.
import { fetchPart, exchange, tellUpdate } from "./fetching.js";

const dialog = () => document.getElementById("dialog");

/** Shows `content` (an element) in the dialog; the focus goes into it and comes back. */
export function openDialog(content, label) {
  const box = dialog();
  box.className = "dialog";
  box.setAttribute("aria-label", label);
  box.replaceChildren(content);
  if (!box.open) box.showModal();
  tellUpdate(box);
  (box.querySelector("[autofocus], input:not([type=hidden]), textarea, .dialog-foot .primary:not(:disabled), .dialog-foot button") ?? box).focus({ preventScroll: true });
  box.scrollTop = 0;
  return box;
}

/** A message; `kind` ok, warn or bad. With `undo`, a button that calls it: then the message waits to be dismissed. */
export function toast(text, kind = "ok", undo = null) {
  const made = document.createElement("div");
  made.className = `toast ${kind}`;
  made.dataset.toast = "";
  const words = document.createElement("p");
  words.textContent = text;
  const actions = document.createElement("div");
  actions.className = "toast-actions";
  const dismiss = document.createElement("button");
  dismiss.type = "button";
  dismiss.dataset.dismiss = "";
  dismiss.textContent = "Dismiss";
  if (undo) {
    const back = document.createElement("button");
    back.type = "button";
    back.textContent = "Undo";
    back.dataset.key = "u";
    back.dataset.keyLabel = "Undo what was just done";
    back.addEventListener("click", async () => { back.disabled = true; try { await undo(); made.remove(); } catch (error) { back.disabled = false; toast(error.message, "bad"); } });
    actions.append(back);
  }
  actions.append(dismiss);
  made.append(words, actions);
  document.getElementById("toasts")?.append(made);
  if (kind === "ok" && !undo) setTimeout(() => made.remove(), 8000);
}

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-dismiss]")) event.target.closest("[data-toast]")?.remove();
  const box = dialog();
  if (!box?.open) return;
  const close = event.target.closest("[data-close]");
  if ((close && box.contains(close)) || event.target === box) { event.preventDefault(); box.close(); }
});

document.addEventListener("input", (event) => watchName(event.target));
document.addEventListener("stoker:update", (event) => event.detail.querySelectorAll?.("[data-must-be]").forEach(watchName));

function watchName(field) {
  if (!field.matches?.("[data-must-be]")) return;
  const button = field.form?.querySelector("button[type=submit]");
  if (button) button.disabled = field.value !== field.dataset.mustBe;
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (form.matches("[data-execute]")) {
    // The answer may take seconds: nobody shall click twice.
    for (const button of form.querySelectorAll("button[type=submit]")) { button.disabled = true; button.textContent = "Working…"; }
    return;
  }
  if (!form.matches("[data-change]") || event.defaultPrevented) return;
  event.preventDefault();
  const buttons = [...form.querySelectorAll("button[type=submit]:not(:disabled)")];
  let leaving = false;
  for (const button of buttons) button.disabled = true;
  try {
    const body = new URLSearchParams(new FormData(form, event.submitter));
    const { response, part } = await fetchPart(form.action, { method: "POST", body });
    if (response.redirected) { leaving = true; const to = new URL(response.url); to.searchParams.delete("_part"); location.assign(to); return; }
    const plan = part.querySelector("[data-plan]");
    const again = form.id && part.getElementById(form.id);
    if (plan) openDialog(document.importNode(plan, true), part.title || "What it will do");
    else if (again) { exchange(form, again); document.querySelector(`#${CSS.escape(form.id)} [aria-invalid]`)?.focus(); return; }
    else toast(part.querySelector("h1, .notice-title")?.textContent ?? `The console answered ${response.status}.`, "bad");
  } catch {
    toast("The console cannot be reached.", "bad");
  } finally {
    // Where one goes on, nobody shall click twice.
    if (!leaving) for (const button of buttons) button.disabled = false;
  }
});
