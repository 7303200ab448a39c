// Before anything is drawn: the theme that was chosen here, if any. Not a module, so that it runs at once.
(function () {
  document.documentElement.classList.add("js");
  try {
    const chosen = localStorage.getItem("stoker.theme");
    if (chosen === "dark" || chosen === "light") document.documentElement.dataset.theme = chosen;
  } catch { /* no storage: the system decides */ }
})();
