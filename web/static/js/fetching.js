// Parts of pages: the same address with `_part=main`, without the frame, as a document of its own.

/** The part of the page at `address`, as a Document; null when `signal` was aborted. Throws when nobody answers. */
export async function fetchPart(address, options = {}) {
  const url = new URL(address, location.href);
  url.searchParams.set("_part", "main");
  const response = await fetch(url, { credentials: "same-origin", ...options, headers: { Accept: "text/html", ...(options.headers ?? {}) } });
  const text = await response.text();
  // A document made this way runs no script and loads nothing.
  return { response, part: new DOMParser().parseFromString(text, "text/html") };
}

const FOCUSABLE = "a[href], button, input, select, textarea, summary, [tabindex]";

/** Puts `fresh` where `old` is, keeping the focus, and tells who wants to know. */
export function exchange(old, fresh) {
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  // What has neither an id nor an address, like a chart, is found by its place.
  const place = focused ? [...old.querySelectorAll(FOCUSABLE)].indexOf(focused) : -1;
  const marks = focused && [focused.id && `#${CSS.escape(focused.id)}`, focused.getAttribute("href") && `${focused.localName}[href="${CSS.escape(focused.getAttribute("href"))}"]`];
  const open = [...old.querySelectorAll("details[open][id]")].map((each) => each.id);
  const element = document.importNode(fresh, true);
  old.replaceWith(element);
  for (const id of open) { const found = document.getElementById(id); if (found) found.open = true; }
  const marked = (marks ?? []).map((mark) => mark && element.querySelector(mark)).find(Boolean);
  const placed = place >= 0 ? element.querySelectorAll(FOCUSABLE)[place] : null;
  const again = marked ?? (placed?.localName === focused?.localName ? placed : null);
  again?.focus({ preventScroll: true });
  tellUpdate(element);
}

/** Says that `element` is new. */
export function tellUpdate(element) {
  document.dispatchEvent(new CustomEvent("stoker:update", { detail: element }));
}

/** The address without what is no state of the page. */
export function baseAddress() {
  const url = new URL(location.href);
  for (const name of ["_part", "done", "changed", "from", "count"]) url.searchParams.delete(name);
  return url;
}
