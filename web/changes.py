"""The one way pages change things: a plan is made and shown, then carried out, and the message that reports it can undo it.

    POST /changes               a change (JSON as the audit log has it, or the form field `change` with that JSON)
                                -> the plan: difference, risks, command, what must be typed
    POST /changes/{plan}        carries it out (`typed`: the name, where something is destroyed)
    POST /changes/undo/{id}     takes back an entry of the audit log: at once where nothing is at risk, else as a plan
    GET  /changes/{plan}        the plan again

A page with a form of its own makes the change and answers `return await preview(ask, change, back=...)`; in the template
the form has `data-change`, so that `dialog.js` shows the plan in a dialog. Everything works without script as well: the
plan is a page, and done leads back to `back` with a message. Programs send and get JSON. `console.changes` decides; here
is only the way through the browser. Read-only mode shows plans and refuses to carry them out.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from console.changes.door import ChangeResult, Plan
from console.changes.kinds import Change, DeleteTopic
from console.errors import OperatorError
from web.api.asked_change import asked_change
from web.api.errors import ApiError
from web.ask import Ask, with_query
from web.page import Page, PageRoute, json_response, respond

PLANS_MAX = 200
"""Plans that wait to be carried out; the oldest goes first."""


@dataclass(frozen=True, slots=True)
class Done:
    """A change that was carried out, as its message tells it."""

    audit_id: str
    text: str
    can_undo: bool
    undo_note: str
    unverified: str
    cluster: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """A plan that was shown."""

    plan: Plan
    cluster: str
    back: str


@dataclass(slots=True)
class Pending:
    """Plans that were shown and changes that were just made, of one console. Lost when it stops: then one plans again."""

    plans: OrderedDict[str, Waiting] = field(default_factory=OrderedDict)
    done: OrderedDict[str, Done] = field(default_factory=OrderedDict)

    def keep(self, waiting: Waiting) -> str:
        plan_id = secrets.token_urlsafe(12)
        self.plans[plan_id] = waiting
        if len(self.plans) > PLANS_MAX:
            self.plans.popitem(last=False)
        return plan_id

    def report(self, done: Done) -> None:
        self.done[done.audit_id] = done
        if len(self.done) > PLANS_MAX:
            self.done.popitem(last=False)


async def preview(ask: Ask, change: Change, *, back: str | None = None) -> Response:
    """Plans `change` and shows the plan. `back`: the page to go to when it is done. Raises OperatorError."""
    return show_plan(ask, await ask.cluster.door.plan(change), back=back)


def show_plan(ask: Ask, plan: Plan, *, back: str | None = None) -> Response:
    """The same for a plan that there is."""
    waiting = Waiting(plan, ask.cluster.name, own_path(back, ask.url()))
    return _show(ask, pending(ask).keep(waiting), waiting)


def pending(ask: Ask) -> Pending:
    found: Pending = ask.request.app.state.pending
    return found


def own_path(text: str | None, otherwise: str) -> str:
    """`text` when it is an address of this console, else `otherwise`: nobody is sent elsewhere."""
    if not text or not text.startswith("/") or text.startswith("//") or "\\" in text or not text.isprintable():
        return otherwise
    return text


async def plan_change(ask: Ask) -> Page | Response:
    """`POST /changes`."""
    if _is_json(ask):
        body = await ask.request.body()
    else:
        body = (await ask.form()).get("change", "").encode()
    try:
        data = msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, msgspec.ValidationError, RecursionError):
        raise HTTPException(400, "A change is a JSON object with its kind.") from None
    try:
        change = asked_change(data)
    except ApiError as error:
        raise HTTPException(400, error.failure.message) from error
    back = ask.get("back") if _is_json(ask) else (await ask.form()).get("back", "")
    return await preview(ask, change, back=back)


async def waiting_plan(ask: Ask) -> Page | Response:
    """`GET` and `POST /changes/{plan}`."""
    plan_id = ask.part("plan")
    waiting = pending(ask).plans.get(plan_id)
    if waiting is None or waiting.cluster != ask.cluster.name:
        raise OperatorError(
            "this plan is no longer there",
            "It was carried out, or the console was started again since.",
            "Plan it again, and look at the difference.",
        )
    if not ask.is_post:
        return _show(ask, plan_id, waiting)
    typed = (await ask.form()).get("typed", "")
    if waiting.plan.destroys is not None and typed != waiting.plan.destroys:
        error = f"Type {waiting.plan.destroys} to go on." if not typed else "That is not the name."
        return _show(ask, plan_id, waiting, status=422, typed=typed, error=error)
    # Once: a second click finds it gone.
    pending(ask).plans.pop(plan_id, None)
    return await _carry_out(ask, waiting.plan, waiting.back)


async def undo(ask: Ask) -> Page | Response:
    """`POST /changes/undo/{audit_id}`."""
    form = {} if _is_json(ask) and not await ask.request.body() else await ask.form()
    plan = await ask.cluster.door.plan_undo(ask.part("audit_id"))
    back = own_path(form.get("back"), ask.url())
    if isinstance(plan.change, DeleteTopic):
        # The page one comes from is most likely the topic's own.
        back = ask.url("topics")
    if plan.risks or plan.destroys is not None or plan.blocked is not None or not plan.difference:
        return show_plan(ask, plan, back=back)
    return await _carry_out(ask, plan, back)


async def _carry_out(ask: Ask, plan: Plan, back: str) -> Response:
    result = await plan.execute()
    done = done_of(plan, result, ask.cluster.name)
    pending(ask).report(done)
    if _is_json(ask):
        return json_response(
            {
                "audit_id": result.audit_id,
                "text": done.text,
                "can_undo": done.can_undo,
                "undo_note": result.undo_note,
                "unverified": result.unverified,
                "observed": result.observed,
            }
        )
    path, _, query = back.partition("?")
    kept = "&".join(each for each in query.split("&") if each and not each.startswith("done="))
    return RedirectResponse(with_query(path, {"done": done.audit_id}) + (f"&{kept}" if kept else ""), 303)


def done_of(plan: Plan, result: ChangeResult, cluster: str) -> Done:
    text = plan.outcome
    if not text:
        lines = [str(each) for each in plan.difference[:3]]
        more = len(plan.difference) - len(lines)
        text = f"Changed {plan.subject}: " + "; ".join(lines) + (f"; and {more} more" if more else "")
    return Done(
        result.audit_id,
        text if text.endswith(".") else f"{text}.",
        result.undo is not None,
        result.undo_note,
        "; ".join(result.unverified[:3]),
        cluster,
    )


def just_done(ask: Ask) -> Done | None:
    """The change that `?done=` reports; None for none that was made here and now."""
    done = pending(ask).done.get(ask.get("done"))
    return done if done is not None and done.cluster == ask.cluster.name else None


def plan_data(plan_id: str, waiting: Waiting) -> dict[str, Any]:
    """The plan as JSON."""
    plan = waiting.plan
    blocked = plan.blocked
    return {
        "plan": plan_id,
        "subject": plan.subject,
        "difference": plan.difference,
        "risks": plan.risks,
        "command": plan.command,
        "destroys": plan.destroys,
        "loss": plan.loss,
        "can_undo": plan.can_undo,
        "undo_note": plan.undo_note,
        "blocked": None
        if blocked is None
        else {"title": blocked.title, "detail": blocked.detail, "hint": blocked.hint},
    }


def _show(ask: Ask, plan_id: str, waiting: Waiting, *, status: int = 200, typed: str = "", error: str = "") -> Response:
    data = plan_data(plan_id, waiting)
    if _is_json(ask):
        return json_response({**data, "error": error} if error else data, status)
    view = {"plan": waiting.plan, "plan_id": plan_id, "back": waiting.back, "typed": typed, "error": error}
    page = Page(f"Change {waiting.plan.subject}", "pages/change.html", data, view=view, status=status, live=False)
    return respond(ask, page)


def _is_json(ask: Ask) -> bool:
    kind = ask.request.headers.get("content-type", "").partition(";")[0].strip().lower()
    accept = ask.request.headers.get("accept", "")
    return kind == "application/json" or ("application/json" in accept and "text/html" not in accept)


PAGES = (
    PageRoute("/changes", plan_change, methods=("POST",), suffixes=()),
    PageRoute("/changes/{plan}", waiting_plan, methods=("GET", "POST"), suffixes=("json",)),
    PageRoute("/changes/undo/{audit_id}", undo, methods=("POST",), suffixes=()),
)
