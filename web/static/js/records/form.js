// The form that says which records: the name field is there only for parts that have a name.
const part = document.getElementById("r-part");
const name = document.getElementById("r-name");
const match = document.getElementById("r-match");

function fit() {
  if (!part) return;
  const named = part.value === "header" || part.value === "json";
  name.classList.toggle("unused", !named);
  name.placeholder = part.value === "header" ? "name of the header" : "$.order.id";
  for (const option of match.options) option.disabled = part.value === "json" && !["equals", "-equals"].includes(option.value);
  if (match.selectedOptions[0]?.disabled) match.value = "equals";
}

part?.addEventListener("change", fit);
fit();
