// Boot: what every page has. Modules listen on the document, so parts that are exchanged need no second start.
const dark = () => {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
};

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-theme-toggle]")) {
    const theme = dark() ? "light" : "dark";
    document.documentElement.dataset.theme = theme;
    try { localStorage.setItem("stoker.theme", theme); } catch { /* it holds for this page then */ }
  }
  const menu = event.target.closest("[data-menu]");
  const nav = document.getElementById("nav");
  if (menu || !event.target.closest("#nav")) {
    const open = menu ? nav?.classList.toggle("open") : (nav?.classList.remove("open"), false);
    document.querySelector("[data-menu]")?.setAttribute("aria-expanded", String(Boolean(open)));
  }
  for (const each of document.querySelectorAll("details[data-popover][open]")) {
    if (!each.contains(event.target)) each.open = false;
  }
});
