// The form that produces: Ctrl-Enter sends, one click sends once, and the first field that is wrong has the focus.
const form = document.getElementById("produce");
form.addEventListener("keydown", (event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); form.requestSubmit(); } });
form.addEventListener("submit", () => { const button = form.querySelector("button[type=submit]"); setTimeout(() => { button.disabled = true; }); });
addEventListener("pageshow", (event) => { if (event.persisted) form.querySelector("button[type=submit]").disabled = "readonly" in document.body.dataset; });
form.querySelector("[aria-invalid]")?.focus();
