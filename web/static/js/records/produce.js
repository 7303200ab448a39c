// The form that produces: Ctrl-Enter sends. (What is wrong comes back in its place: `dialog.js`.)
document.addEventListener("keydown", (event) => {
  const form = event.target.closest?.("#produce");
  if (!form || event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  if (!form.querySelector("button[type=submit]").disabled) form.requestSubmit();
});
