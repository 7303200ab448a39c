// Live updates. After each `snapshot` event the page fetches itself (`_part=main`) and exchanges what has an id and
// `data-live` and differs. One fetch at a time: what happens meanwhile leads to one more. Paused or hidden: none.
import { baseAddress, exchange, fetchPart } from "./fetching.js";

let source = null;
let paused = false;
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
    if (response.ok) {
      for (const fresh of part.querySelectorAll("[data-live][id]")) {
        const old = document.getElementById(fresh.id);
        // What is being typed in stays.
        const typing = old?.contains(document.activeElement) && document.activeElement.matches("input, textarea, select");
        if (old && !typing && !sameAs(old, fresh)) exchange(old, fresh);
      }
    } else if (response.status === 401) {
      stop();
      show("lost", "Signed out");
    }
    await Promise.allSettled(tables);
  } catch {
    show("lost", "No connection");
  } finally {
    busy = false;
    if (again) { again = false; setTimeout(refresh, 200); }
  }
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
  source.addEventListener("error", () => show("lost", "No connection"));
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
  source?.close();
  source = null;
}

export function startLive() {
  if (!("livePage" in document.body.dataset)) return;
  start();
  button().addEventListener("click", () => {
    paused = !paused;
    if (paused) { stop(); show("paused", "Paused"); } else { start(); refresh(); }
  });
  document.addEventListener("visibilitychange", () => {
    if (paused) return;
    if (document.hidden) stop(); else { start(); refresh(); }
  });
  addEventListener("pagehide", stop);
  addEventListener("pageshow", (event) => { if (event.persisted && !paused) { start(); refresh(); } });
}

document.addEventListener("stoker:refresh", () => refresh());
