// Copy buttons: `data-copy` has the text, or `data-copy-from` the id of the element that has it.
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const field = document.createElement("textarea");
    field.value = text;
    field.className = "sr";
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  }
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy], [data-copy-from]");
  if (!button) return;
  event.preventDefault();
  await copyText(button.dataset.copy ?? document.getElementById(button.dataset.copyFrom)?.textContent ?? "");
  button.classList.add("did");
  const label = button.getAttribute("aria-label");
  button.setAttribute("aria-label", "Copied");
  setTimeout(() => { button.classList.remove("did"); if (label) button.setAttribute("aria-label", label); }, 1500);
});
