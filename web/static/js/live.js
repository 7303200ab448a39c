// Live updates. After each `snapshot` event the page fetches itself (`_part=main`) and exchanges what has an id and
// `data-live` and differs. One fetch at a time: what happens meanwhile leads to one more. Paused or hidden: none.
import { toast } from "./dialog.js";
import { baseAddress, exchange, fetchPart } from "./fetching.js";
import { startTables } from "./table.js";

const AGAIN_MS = 3_000;
let source = null;
let paused = false;
let ended = false; // nothing will come any more: the console does not know us, or what the page shows is gone
let retry = 0;
let busy = false;
let again = false;
let seen = 0;
const button = () => document.querySelector("[data-live-toggle]");

function show(state, words) {
  const found = button();
  if (!found) return;
  found.hidden = false;
  found.dataset.state = state;
  found.setAttribute("aria-pressed", String(state === "paused"));
  found.title = state === "paused" ? "Updates are paused (p goes on)" : "Updates itself (p pauses)";
  const text = found.querySelector("[data-live-words]");
  if (text.textContent !== words) text.textContent = words;
}

/** Fetches the page anew and exchanges what differs. Tables do it themselves. */
export async function refresh() {
  if (busy) { again = true; return; }
  busy = true;
  try {
    const tables = [];
    document.dispatchEvent(new CustomEvent("stoker:refresh-tables", { detail: tables }));
    const { response, part } = await fetchPart(baseAddress());
    if (response.ok && partsOf(document.getElementById("main")) !== partsOf(part)) {
      // The page has other parts now: a cluster that was silent answers, the first topic was made.
      if (!isTyping(document.getElementById("main"))) exchangeMain(part);
    } else if (response.ok) {
      for (const fresh of part.querySelectorAll("[data-live][id]")) {
        const old = document.getElementById(fresh.id);
        if (old && !isTyping(old) && !sameAs(old, fresh)) exchange(old, fresh);
      }
    } else if (response.status === 401 || response.status === 404) {
      stop();
      ended = true;
      show("lost", response.status === 401 ? "Signed out" : "Gone");
      toast(response.status === 401 ? "This console was started anew: open the address that it printed." : "What this page shows is no longer there.", "warn");
    }
    await Promise.allSettled(tables);
  } catch {
    show("lost", "No connection");
  } finally {
    busy = false;
    if (again) { again = false; setTimeout(refresh, 200); }
  }
}

const partsOf = (root) => [...root.querySelectorAll("[data-live][id], [data-table]")].map((each) => each.id).join(" ");

/** What is being typed in stays. */
const isTyping = (element) => element.contains(document.activeElement) && document.activeElement.matches("input, textarea, select");

function exchangeMain(part) {
  const main = document.getElementById("main");
  const fresh = main.cloneNode(false);
  fresh.append(...[...main.children].filter((each) => each.matches(".crumbs")).map((each) => each.cloneNode(true)), ...[...part.body.children].map((each) => document.importNode(each, true)));
  exchange(main, fresh);
  startTables();
}

/** Times are rewritten here, so they are no difference. */
function sameAs(old, fresh) {
  const plain = (element) => { const copy = element.cloneNode(true); for (const time of copy.querySelectorAll("time[data-ms]")) { time.textContent = ""; time.removeAttribute("title"); } return copy.innerHTML; };
  return old.className === fresh.className && plain(old) === plain(fresh);
}

function start() {
  stop();
  source = new EventSource(`${document.body.dataset.base ?? ""}/live`);
  source.addEventListener("open", () => show("live", "Live"));
  source.addEventListener("error", () => {
    if (ended) return;
    show("lost", "No connection");
    // Browsers come again by themselves after a lost connection, but not after an answer that is none.
    if (source?.readyState === EventSource.CLOSED) { clearTimeout(retry); retry = setTimeout(() => { if (!paused && !ended && !document.hidden) { start(); refresh(); } }, AGAIN_MS); }
  });
  source.addEventListener("snapshot", (event) => {
    const data = JSON.parse(event.data);
    show(data.failure ? "lost" : "live", data.failure ? "Cluster silent" : "Live");
    document.dispatchEvent(new CustomEvent("stoker:snapshot", { detail: data }));
    const pulse = button()?.querySelector(".pulse");
    pulse?.classList.remove("beat");
    requestAnimationFrame(() => pulse?.classList.add("beat"));
    // The first one is what the page was made from, more or less.
    if (seen++ > 0 || data.failure) refresh();
  });
}

function stop() {
  clearTimeout(retry);
  source?.close();
  source = null;
}

export function startLive() {
  if (!("livePage" in document.body.dataset)) return;
  start();
  button().addEventListener("click", () => {
    paused = !paused;
    ended = false;
    if (paused) { stop(); show("paused", "Paused"); } else { start(); refresh(); }
  });
  document.addEventListener("visibilitychange", () => {
    if (paused || ended) return;
    if (document.hidden) stop(); else { start(); refresh(); }
  });
  addEventListener("pagehide", stop);
  addEventListener("pageshow", (event) => { if (event.persisted && !paused) { start(); refresh(); } });
}

document.addEventListener("stoker:refresh", () => refresh());
