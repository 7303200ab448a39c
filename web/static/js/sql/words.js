// The words of SQL: to be coloured, and to be offered.
export const KEYWORDS = "select from where group by order having limit offset join left right full inner outer cross on using as and or not in is null true false like ilike between exists case when then else end distinct all union intersect except with recursive values asc desc nulls first last over rows range unbounded preceding following current row filter within qualify sample pivot unpivot describe summarize show cast try_cast interval lateral semi anti asof positional exclude replace escape similar to any some".split(" ").concat("partition by", "group by all");
const WORDS = new Set(KEYWORDS);

/** Functions of DuckDB that are of use here, with what they take. */
export const FUNCTIONS = Object.entries({
  count: "*", sum: "x", avg: "x", min: "x", max: "x", median: "x", quantile_cont: "x, 0.95", approx_count_distinct: "x", arg_max: "what, by", arg_min: "what, by", any_value: "x", list: "x", string_agg: "x, ', '", histogram: "x", stddev: "x", mode: "x",
  date_trunc: "'minute', timestamp", time_bucket: "interval '5 minutes', timestamp", epoch_ms: "timestamp", strftime: "timestamp, '%H:%M'", date_diff: "'second', a, b", now: "", to_timestamp: "seconds", extract: "hour from timestamp",
  json_extract: "value, '$.field'", json_extract_string: "value, '$.field'", json_array_length: "value", json_keys: "value", json_valid: "value", json_type: "value",
  lower: "text", upper: "text", length: "text", substring: "text, 1, 10", replace: "text, 'a', 'b'", split_part: "text, ',', 1", regexp_matches: "text, 'RE2'", regexp_extract: "text, 'RE2', 1", regexp_replace: "text, 'RE2', 'new'", contains: "text, 'part'", starts_with: "text, 'part'", concat: "a, b", trim: "text", decode: "blob", encode: "text", hex: "x", base64: "blob", md5: "text",
  coalesce: "a, b", nullif: "a, b", greatest: "a, b", least: "a, b", abs: "x", round: "x, 2", floor: "x", ceil: "x", row_number: "", rank: "", lag: "x", lead: "x", first_value: "x", last_value: "x", unnest: "list", list_filter: "list, x -> x.name = 'trace'", list_transform: "list, x -> x.name",
});
const CALLS = new Set(FUNCTIONS.map(([name]) => name));

const TOKEN = /(--[^\n]*|\/\*[\s\S]*?(?:\*\/|$))|('(?:[^']|'')*(?:'|$))|("(?:[^"]|"")*(?:"|$))|(\$[A-Za-z_]\w*)|(\b\d[\d_.]*(?:e[+-]?\d+)?\b)|([A-Za-z_]\w*)|(\s+|.)/gy;

/** [text, kind] of all of it, in order; kind "" where there is nothing to say. */
export function tokens(sql) {
  const found = [];
  TOKEN.lastIndex = 0;
  for (let match; TOKEN.lastIndex < sql.length && (match = TOKEN.exec(sql));) {
    const [text, note, string, name, param, number, word] = match;
    const lower = word?.toLowerCase();
    found.push([text, note !== undefined ? "note" : string !== undefined ? "string" : name !== undefined ? "name" : param !== undefined ? "param" : number !== undefined ? "number" : word === undefined ? "" : WORDS.has(lower) ? "word" : CALLS.has(lower) && /^\s*\(/.test(sql.slice(TOKEN.lastIndex, TOKEN.lastIndex + 3)) ? "call" : ""]);
  }
  return found;
}

/** The names of `$parameters`, in order, once each. */
export const parametersOf = (sql) => [...new Set(tokens(sql).filter(([, kind]) => kind === "param").map(([text]) => text.slice(1)))];

/** A name as it may stand in a statement. */
export const quoted = (name) => (/^[a-z_][a-z0-9_]*$/i.test(name) && !WORDS.has(name.toLowerCase()) ? name : `"${name.replaceAll('"', '""')}"`);
