// Streams of the API as lines of JSON, read by whoever can take them: what is not read is held back by the server, which
// counts what it must leave out.

/** Lines of the answer, one object each. `options` as of fetch. Throws an Error with the API's words. */
export async function* lines(address, options = {}) {
  const response = await fetch(address, { credentials: "same-origin", ...options, headers: { Accept: "application/x-ndjson", ...(options.headers ?? {}) } });
  if (!response.ok) throw await failureOf(response);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const pieces = (rest + value).split("\n");
      rest = pieces.pop();
      for (const piece of pieces) if (piece) yield JSON.parse(piece);
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

/** The error that a refused request is, in words. */
export async function failureOf(response) {
  let said = {};
  try { said = await response.json(); } catch { /* the status will have to do */ }
  return failure(said, response.status);
}

export function failure(said, status = 0) {
  // A detail of several lines points into what was asked: it stays as it is, and comes last.
  const parts = [said.message ?? `The console answered ${status}`, said.detail, said.hint].filter(Boolean);
  const words = parts.filter((each) => !each.includes("\n")).map((each) => `${each.replace(/[.\s]+$/, "")}.`);
  const error = new Error([words.join(" "), ...parts.filter((each) => each.includes("\n"))].join("\n"));
  error.status = status || Number(String(said.error_code ?? "").slice(0, 3));
  return error;
}

export const nextFrame = () => new Promise((resolve) => (document.hidden ? setTimeout(resolve, 50) : requestAnimationFrame(() => resolve())));
export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
export const base = () => document.body.dataset.base ?? "";
