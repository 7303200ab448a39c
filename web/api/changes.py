"""Changes through the door: plan, execute, undo, and the log of all of them.

A change is written as the audit log has it (`console.changes.stored`): its `kind`, and the fields of that kind.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import msgspec

from console.audit import AuditEntry
from console.changes.door import ChangeResult, Plan
from console.changes.kinds import KINDS
from console.changes.stored import to_stored
from web.api.answers import view_of
from web.api.asked_change import asked_change
from web.api.errors import ApiError, Failure, api_error, bad_request, not_found
from web.api.limits import AUDIT_ENTRIES_MAX, PLAN_AGE_MS_MAX
from web.api.names import now_ms
from web.api.operations import Asked, Call, operation
from web.api.state import state_of

StoredChange = Annotated[
    dict[str, Any],
    msgspec.Meta(
        description='A change: {"kind": "alter-config", "resource": {"type": 2, "name": "orders"}, "changes": '
        '{"retention.ms": "1000"}}. Kinds: ' + ", ".join(KINDS) + ".",
        extra_json_schema={
            "required": ["kind"],
            "properties": {"kind": {"type": "string", "enum": list(KINDS)}},
        },
    ),
]
AuditId = Annotated[
    str, msgspec.Meta(min_length=1, max_length=50, description='Of the audit log; "last" is the newest.')
]
Confirmation = Annotated[
    str, msgspec.Meta(max_length=1_000, description="The name that `destroys` has, typed by whoever decides.")
]


class PlanBody(Asked, kw_only=True):
    """A change to look at."""

    change: StoredChange


class PlanAsked(Asked, kw_only=True):
    """A change to look at."""

    body: PlanBody


class ExecuteBody(Asked, kw_only=True):
    """A plan that was shown, or a change that is planned and carried out at once."""

    plan: Annotated[str, msgspec.Meta(max_length=50)] | None = None
    change: StoredChange | None = None
    confirm: Confirmation | None = None


class ExecuteAsked(Asked, kw_only=True):
    """What to carry out."""

    body: ExecuteBody


class UndoBody(Asked, kw_only=True):
    """A change of the audit log to take back."""

    audit_id: AuditId
    dry_run: Annotated[bool, msgspec.Meta(description="Only plan it; `execute` takes the plan.")] = False
    confirm: Confirmation | None = None


class UndoAsked(Asked, kw_only=True):
    """What to take back."""

    body: UndoBody


class DifferenceView(msgspec.Struct, kw_only=True):
    """One thing that changes: sign + comes, - goes, ~ becomes another."""

    sign: str
    name: str
    before: str | None
    after: str | None
    note: str


class ChangePlanView(msgspec.Struct, kw_only=True):
    """What would change. Nothing has."""

    plan: str | None
    """For `execute`, once, within `plan_age_ms_max`; null when there is nothing to do."""
    subject: str
    difference: list[DifferenceView]
    """Empty when it is like that already."""
    command: str
    """The `stoker` commands that do the same."""
    risks: list[str]
    destroys: str | None
    """The name that has to be given as `confirm`, where something is lost for good."""
    loss: str
    blocked: Failure | None
    """Why the cluster would refuse it as things are."""
    can_undo: bool
    undo_note: str
    is_readonly: bool
    plan_age_ms_max: int


class ChangeResultView(msgspec.Struct, kw_only=True):
    """A change that was carried out."""

    audit_id: str
    subject: str
    outcome: str
    difference: list[DifferenceView]
    can_undo: bool
    undo: dict[str, Any] | None
    """The change that takes it back; `undo` with the `audit_id` does it."""
    undo_note: str
    is_verified: bool
    unverified: list[str]
    """What the cluster does not show as it should, a line each."""


class ChangeUndoView(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The plan of an undo (`dry_run`), or what became of it."""

    plan: ChangePlanView | None = None
    result: ChangeResultView | None = None


@operation("POST", "/api/changes/plan", tag="changes", summary="What a change would do")
async def plan_change(call: Call, asked: PlanAsked) -> ChangePlanView:
    """Checked against the cluster; nothing is changed. The plan is kept for a while, and refused when what it stands on
    has changed by then. Works in read-only mode."""
    return _kept(call, await call.cluster.door.plan(asked_change(asked.body.change, "body.change")))


@operation("POST", "/api/changes/execute", tag="changes", summary="Carry out a change", changes=True)
async def execute_change(call: Call, asked: ExecuteAsked) -> ChangeResultView:
    """Written to the audit log before and after, and verified. Where something is lost for good, `confirm` must be the
    name that `destroys` has."""
    body = asked.body
    if (body.plan is None) == (body.change is None):
        raise bad_request("body: either plan or change")
    if body.plan is not None:
        plans = state_of(call.cluster).plans
        _, plan = plans.look(body.plan, now_ms())
        _check_confirmed(plan, body.confirm)
        plan = plans.take(body.plan, now_ms())
    else:
        plan = await call.cluster.door.plan(asked_change(body.change or {}, "body.change"))
        _check_confirmed(plan, body.confirm)
    return _result(plan, await plan.execute())


@operation("POST", "/api/changes/undo", tag="changes", summary="Take back a change", changes=True)
async def undo_change(call: Call, asked: UndoAsked) -> ChangeUndoView:
    """What was changed again since then is among the risks of its plan."""
    body = asked.body
    if body.audit_id != "last":
        await _entry(call, body.audit_id)
    plan = await call.cluster.door.plan_undo(body.audit_id)
    if body.dry_run:
        return ChangeUndoView(plan=_kept(call, plan))
    _check_confirmed(plan, body.confirm)
    return ChangeUndoView(result=_result(plan, await plan.execute()))


def _check_confirmed(plan: Plan, confirm: str | None) -> None:
    """Raises ApiError."""
    if plan.destroys is not None and confirm != plan.destroys:
        raise ApiError(
            409,
            f"{plan.loss}: to be confirmed",
            hint=f"confirm must be {plan.destroys!r}.",
        )


def _kept(call: Call, plan: Plan) -> ChangePlanView:
    possible = plan.difference and plan.blocked is None
    name = state_of(call.cluster).plans.keep(plan, now_ms()) if possible else None
    return ChangePlanView(
        plan=name,
        subject=plan.subject,
        difference=_difference(plan),
        command=plan.command,
        risks=list(plan.risks),
        destroys=plan.destroys,
        loss=plan.loss,
        blocked=None if plan.blocked is None else api_error(plan.blocked).failure,
        can_undo=plan.can_undo,
        undo_note=plan.undo_note,
        is_readonly=call.cluster.door.readonly,
        plan_age_ms_max=PLAN_AGE_MS_MAX,
    )


def _difference(plan: Plan) -> list[DifferenceView]:
    return [view_of(DifferenceView, each) for each in plan.difference]


def _result(plan: Plan, result: ChangeResult) -> ChangeResultView:
    return ChangeResultView(
        audit_id=result.audit_id,
        subject=plan.subject,
        outcome=plan.outcome,
        difference=_difference(plan),
        can_undo=result.undo is not None,
        undo=None if result.undo is None else to_stored(result.undo),
        undo_note=result.undo_note,
        is_verified=result.verified,
        unverified=list(result.unverified),
    )


class AuditAsked(Asked, kw_only=True):
    """Which part of the log."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=AUDIT_ENTRIES_MAX, description="The newest.")] = 100
    before: Annotated[str, msgspec.Meta(max_length=50, description="Only what is older than that entry.")] | None = None
    kind: Annotated[str, msgspec.Meta(max_length=50, description="Only of that kind.")] | None = None
    subject: Annotated[str, msgspec.Meta(max_length=1_000, description="What the subject contains.")] | None = None


class AuditView(msgspec.Struct, kw_only=True):
    """A change that was made, or tried. Only whoever operates the console reads this."""

    entry: AuditEntry
    undone_by: str | None
    can_undo: bool


class AuditPage(msgspec.Struct, kw_only=True):
    """The log, the newest first."""

    entries: list[AuditView]
    older: str | None
    """For `before`; null when there is nothing older."""
    damaged: int
    """Lines that cannot be read."""
    limit_max: int


@operation("GET", "/api/audit", tag="changes", summary="The audit log")
async def list_audit(call: Call, asked: AuditAsked) -> AuditPage:
    """Of all clusters, faces and users of this machine's account."""
    trail = await asyncio.to_thread(call.cluster.audit.read)
    undone = trail.undone_by()
    entries = list(reversed(trail.entries))
    if asked.before is not None:
        places = [index for index, each in enumerate(entries) if each.id == asked.before]
        if not places:
            raise not_found(f"the audit log has no change {asked.before!r}")
        entries = entries[places[0] + 1 :]
    entries = [
        each
        for each in entries
        if (asked.kind is None or each.kind == asked.kind) and (asked.subject is None or asked.subject in each.subject)
    ]
    shown = entries[: asked.limit]
    return AuditPage(
        entries=[_audit(each, undone.get(each.id)) for each in shown],
        older=shown[-1].id if len(entries) > len(shown) else None,
        damaged=trail.damaged,
        limit_max=AUDIT_ENTRIES_MAX,
    )


def _audit(entry: AuditEntry, undone_by: str | None) -> AuditView:
    return AuditView(entry=entry, undone_by=undone_by, can_undo=entry.undo is not None and undone_by is None)


class EntryAsked(Asked, kw_only=True):
    """An entry of the log."""

    audit_id: AuditId


@operation("GET", "/api/audit/{audit_id}", tag="changes", summary="One entry of the audit log")
async def get_audit(call: Call, asked: EntryAsked) -> AuditView:
    return await _entry(call, asked.audit_id)


async def _entry(call: Call, audit_id: str) -> AuditView:
    trail = await asyncio.to_thread(call.cluster.audit.read)
    if audit_id == "last" and trail.entries:
        audit_id = trail.entries[-1].id
    if all(each.id != audit_id for each in trail.entries):
        raise not_found(f"the audit log has no change {audit_id!r}")
    return _audit(trail.get(audit_id), trail.undone_by().get(audit_id))
