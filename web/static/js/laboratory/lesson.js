// The lesson beside the world: story, prediction, tasks, goals, and what it was about.
import { html, present } from "./dom.js";

let shown = "";
/** How far the lesson was when it was drawn last. */
let stood = "";

/** Scrolls what scrolls around the element, not the page: it shall be seen, or begin at the top. */
function reveal(element, atTop) {
  let around = element.parentElement;
  while (around && !(around.scrollHeight > around.clientHeight + 1 && /auto|scroll/.test(getComputedStyle(around).overflowY))) around = around.parentElement;
  if (!around || around === document.documentElement || around === document.body) return;
  const [outer, inner] = [around.getBoundingClientRect(), element.getBoundingClientRect()];
  const margin = 40;
  if (atTop || inner.top < outer.top) around.scrollTop += inner.top - outer.top - margin;
  else if (inner.bottom > outer.bottom) around.scrollTop += inner.bottom - outer.bottom + margin;
}

const SIGNS = { done: "✓ ", missed: "✗ ", playing: "▸ ", todo: "" };

/** One step: only one is played at a time, and what was missed says why. */
function step(task, busy, isPlaying) {
  const isMine = task.state === "playing";
  const words = isMine ? (isPlaying ? "Playing…" : "Go on") : task.state === "missed" ? "Try again" : "Do it for me";
  const commands = task.commands.filter(Boolean).join(" ; ");
  return html("li", { class: task.state === "todo" ? "" : task.state }, ...present(
    html("p", {}, `${SIGNS[task.state]}${task.text || "Then this."}`),
    commands ? html("p", { class: "lab-commands" }, ...task.commands.filter(Boolean).map((each) => html("code", {}, each))) : null,
    task.said ? html("p", { class: "lab-missed" }, task.said) : null,
    task.state === "done" ? null : html("button", { type: "button", "data-task": task.number, "data-focus": `task-${task.number}`, "aria-disabled": String(busy && (!isMine || isPlaying)), "aria-label": `${words}: ${task.text || commands}` }, words)));
}

export function drawLesson(root, lesson, isPlaying, ask, open) {
  root.hidden = !lesson;
  const busy = Boolean(lesson?.tasks.some((task) => task.state === "playing"));
  const now = JSON.stringify([lesson ?? null, busy && isPlaying]);
  if (now === shown) return;
  shown = now;
  if (!lesson) { root.replaceChildren(); return; }
  const focused = root.contains(document.activeElement) ? document.activeElement.dataset.focus : null;
  const predicted = lesson.chosen !== null;
  const answer = lesson.choices.map((choice, at) => {
    const right = lesson.is_solved && at === lesson.answer;
    const wrong = lesson.is_solved && at === lesson.chosen && at !== lesson.answer;
    return html("li", {}, html("button", { type: "button", "aria-pressed": String(at === lesson.chosen), class: right ? "right" : wrong ? "wrong" : "", "data-focus": `choice-${at}`, "data-choice": at }, `${right ? "✓ " : wrong ? "✗ " : ""}${choice}`));
  });
  root.replaceChildren(...present(
    html("header", {}, html("h2", {}, lesson.title), lesson.is_solved ? html("span", { class: "badge ok" }, "✓ solved") : html("span", { class: "muted" }, `${lesson.minutes} min`)),
    html("p", {}, lesson.story),
    html("h3", {}, "1. What do you think?"), html("p", {}, lesson.question), html("ol", { class: "lab-choices" }, ...answer),
    predicted && !lesson.is_solved ? html("p", { class: "muted" }, "Noted. See what happens.") : null,
    lesson.why ? html("p", { class: "lab-why" }, `${lesson.chosen === lesson.answer ? "You were right. " : "It is otherwise. "}${lesson.why}`) : null,
    html("h3", {}, "2. Do it"), html("p", { class: "muted lab-how" }, "Type it (a), click it in the drawing, or let the lesson do it (t)."),
    html("ol", { class: "lab-tasks" }, ...lesson.tasks.map((task) => step(task, busy, isPlaying))),
    html("h3", {}, "3. What shows that you did"),
    html("ul", { class: "lab-goals" }, ...lesson.goals.map((goal) => html("li", { class: goal.is_reached ? "done" : "" }, `${goal.is_reached ? "☑" : "☐"} ${goal.text}`))),
    lesson.hint ? html("p", { class: "lab-missed" }, lesson.hint) : null,
    lesson.is_solved ? html("div", { class: "notice ok lab-explained" }, html("div", {}, html("p", { class: "notice-title" }, "What happened"), html("p", {}, lesson.explanation), html("p", {}, ...lesson.kips.map((kip) => html("span", { class: "badge" }, kip))))) : null,
    html("p", { class: "lab-lesson-foot" }, lesson.variant ? html("button", { type: "button", "data-variant": true, "data-focus": "variant" }, `The other way: ${lesson.variant}`) : lesson.is_variant ? html("button", { type: "button", "data-original": true }, "Back to the lesson itself") : null, html("button", { type: "button", "data-again": true, "data-focus": "again" }, "Start again"), html("a", { href: open.list }, "All lessons")),
  ));
  // Where one is must not stay out of sight: the step, or what it was about. Whoever scrolls is left alone in between.
  const stands = JSON.stringify([lesson.title, lesson.is_solved, lesson.tasks.map((task) => task.state)]);
  if (stood && stands !== stood && lesson.tasks.some((task) => task.state !== "todo")) {
    const at = lesson.is_solved ? root.querySelector(".lab-explained") : root.querySelector(".lab-tasks > :is(.playing, .missed)") ?? root.querySelector(".lab-tasks > li:not(.done)");
    if (at) requestAnimationFrame(() => reveal(at, lesson.is_solved));
  }
  stood = stands;
  if (focused) root.querySelector(`[data-focus="${focused}"]`)?.focus({ preventScroll: true });
  root.onclick = (event) => {
    const button = event.target.closest("button");
    if (!button || button.getAttribute("aria-disabled") === "true") return;
    if (button.dataset.choice) ask("predict", { choice: Number(button.dataset.choice) });
    else if (button.dataset.task) ask("task", { number: Number(button.dataset.task) });
    else if ("variant" in button.dataset) open.lesson(lesson.id, true);
    else if ("original" in button.dataset) open.lesson(lesson.id, false);
    else if ("again" in button.dataset) open.lesson(lesson.id, lesson.is_variant);
  };
}
