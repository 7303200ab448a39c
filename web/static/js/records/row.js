// A record in a list: time, place, key and value. All of it is text.
import { partOf } from "../palette.js";
import { shownTime } from "../time.js";
import { base } from "./stream.js";
import { fill, make, safe } from "./safe.js";

export const hrefOf = (record) => `${base()}/topics/${partOf(record.topic)}/records/${record.partition}/${record.offset}`;
export const keyOf = (record) => (record.key.format === "null" ? "" : safe(record.key.text));
export const valueOf = (record) => (record.control ? `${record.control} marker` : record.is_tombstone ? "tombstone" : safe(record.value.text));
export const whereOf = (record, several) => `${several ? `${record.topic} ` : ""}${record.partition}/${record.offset}`;

/** Fills `row`; `pattern` marks what it finds. */
export function drawRecord(row, record, { several = false, pattern = null, day = false } = {}) {
  row.className = "vlist-row stream-row";
  let [when, where, key, value] = row.children;
  if (!value) {
    when = make("span", "when");
    const link = make("a", "row-link");
    link.target = "_blank";
    link.rel = "noopener";
    link.tabIndex = -1; // Enter opens the chosen row: nobody has to go through all of them
    when.append(link);
    where = make("span", "where");
    key = make("span", "key");
    value = make("span", "value-cell");
    for (const cell of [when, where, key, value]) cell.setAttribute("role", "gridcell");
    row.replaceChildren(when, where, key, value);
  }
  const link = when.firstElementChild;
  [link.textContent, link.title] = shownTime(record.timestamp, day);
  link.href = hrefOf(record);
  where.textContent = whereOf(record, several);
  fill(key, keyOf(record), pattern);
  key.classList.toggle("none", record.key.format === "null");
  if (record.key.format === "null") key.textContent = "no key";
  fill(value, valueOf(record), pattern);
  value.classList.toggle("none", Boolean(record.control || record.is_tombstone));
  row.title = record.value.error ? `Undecodable: ${safe(record.value.error)}` : "";
}

/** A pattern that finds `text` in any letter case; null for none. */
export const patternOf = (text) => (text ? new RegExp(text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), "gi") : null);
