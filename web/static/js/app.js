// Boot: what every page has. Modules listen on the document, so parts that are exchanged need no second start; what must
// look at new elements listens to "stoker:update" (detail: the element that was exchanged).
import "./keys.js";
import "./palette.js";
import "./copy.js";
import "./dialog.js";
import "./forms.js";
import "./chart.js";
import { tellTimes } from "./time.js";
import { startTables } from "./table.js";
import { startLive } from "./live.js";

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-theme-toggle]")) {
    const theme = isDark() ? "light" : "dark";
    document.documentElement.dataset.theme = theme;
    try { localStorage.setItem("stoker.theme", theme); } catch { /* it holds for this page then */ }
  }
  const menu = event.target.closest("[data-menu]");
  const nav = document.getElementById("nav");
  if (nav && (menu || !event.target.closest("#nav"))) {
    const open = menu ? nav.classList.toggle("open") : (nav.classList.remove("open"), false);
    document.querySelector("[data-menu]")?.setAttribute("aria-expanded", String(open));
  }
  for (const each of document.querySelectorAll("details[data-popover][open]")) {
    if (!each.contains(event.target)) each.open = false;
  }
});

// The message after a change is told once: the address is the page's again, to be kept and sent.
const here = new URL(location.href);
if (here.searchParams.has("done") || here.searchParams.has("changed")) {
  for (const name of ["done", "changed"]) here.searchParams.delete(name);
  history.replaceState(history.state, "", here);
}

tellTimes(document);
startTables();
startLive();
