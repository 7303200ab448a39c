"""The door: every change goes through it, from whichever face.

    door = Door(client, face="cli", readonly=...)
    plan = await door.plan(AlterConfig(resource, {"retention.ms": "1000"}))
    plan.difference, plan.command, plan.risks          # the dry run
    result = await plan.execute()                      # audited and verified
    plan = await door.plan(result.undo)                # where there is one

Planning only reads (and has the cluster validate, where it can). Executing refuses in read-only mode, when the cluster
would refuse, and when what was planned on has changed since; it writes the audit log before and after, and looks until
the cluster shows the change.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

from console.audit import DONE, FAILED, UNKNOWN, AuditEntry, AuditLog, WallClock, current_user, host_name, new_id
from console.changes.draft import Difference, Draft, Fact, Facts
from console.changes.kinds import Change, kind_name
from console.changes.planning import draft_change
from console.changes.stored import from_stored, to_stored
from console.errors import Blame, OperatorError, operator_errors
from console.readonly import VARIABLE, readonly_by_environment
from engine.net.cluster_client import ClusterClient
from engine.net.deadlines import Deadline

VERIFY_TIMEOUT_MS = 10_000
"""How long a change is waited for until it shows."""


@dataclass(frozen=True, slots=True)
class ChangeResult:
    """A change that was carried out."""

    audit_id: str
    undo: Change | None
    undo_note: str
    unverified: tuple[str, ...]
    """What the cluster does not show as it should, a line each; empty when all of it was seen."""
    observed: Facts
    """How it is now."""

    @property
    def verified(self) -> bool:
        return not self.unverified


@dataclass(frozen=True, slots=True)
class Produced:
    """How many records were acknowledged, and the first error there was."""

    records: int
    size_bytes: int
    error: str | None = None


class Plan:
    """What would change, and the way to do it, once."""

    def __init__(self, door: Door, draft: Draft, *, undoes: str | None = None, risks: tuple[str, ...] = ()) -> None:
        self._door = door
        self._draft = draft
        self._undoes = undoes
        self._taken = False
        self.risks: tuple[str, ...] = (*risks, *draft.risks)
        """What to think of before it is done, a sentence each."""

    @property
    def change(self) -> Change:
        return self._draft.change

    @property
    def subject(self) -> str:
        """What is changed: "topic orders"."""
        return self._draft.subject

    @property
    def difference(self) -> tuple[Difference, ...]:
        """What changes; empty when it is like that already."""
        return self._draft.difference

    @property
    def command(self) -> str:
        """The `stoker` commands that do the same, a line each."""
        return self._draft.command

    @property
    def commands(self) -> tuple[tuple[str, ...], ...]:
        return self._draft.commands

    @property
    def before(self) -> Facts:
        return self._draft.before

    @property
    def after(self) -> Facts:
        return self._draft.after

    @property
    def destroys(self) -> str | None:
        """The name that a face has the operator type first, where something is lost for good."""
        return self._draft.destroys

    @property
    def loss(self) -> str:
        """What is lost, in a sentence without its full stop."""
        return self._draft.loss

    @property
    def outcome(self) -> str:
        """What is to be said when it is done; "" where the difference says it."""
        return self._draft.outcome

    @property
    def blocked(self) -> OperatorError | None:
        """Why the cluster would refuse it as things are."""
        return self._draft.blocked

    @property
    def undo_note(self) -> str:
        """What an undo does not bring back, or why there is none."""
        return self._draft.undo_note

    @property
    def can_undo(self) -> bool:
        """Whether an undo is known already (that of a new topic is known afterwards)."""
        return self._draft.undo is not None

    async def execute(self) -> ChangeResult:
        """Carries it out. Raises OperatorError; then the audit log has what is known of it."""
        if self._taken:
            raise OperatorError(f"{self.subject}: this plan was carried out already", hint="Plan again.")
        self._door.refuse_if_readonly(self.subject)
        if self.blocked is not None:
            raise self.blocked
        if not self.difference:
            raise OperatorError(f"{self.subject} is like that already")
        self._refuse_if_stale(await self._draft.observe())
        self._taken = True
        return await self._door._carry_out(self._draft, self._undoes)

    def _refuse_if_stale(self, now: Facts) -> None:
        changed = [name for name, value in self.before.items() if now.get(name) != value]
        if changed:
            name = changed[0]
            raise OperatorError(
                f"{self.subject} has changed since this was planned",
                f"{name} was {_shown(self.before[name])} and is {_shown(now.get(name))} now",
                "Plan again, and look at the difference.",
            )


class Door:
    """Plans changes to the cluster of `client` and lets them through, or not.

    `face` (cli, web, tui) is what the audit log has; `now_ms` is the wall clock, for times in the log.
    """

    def __init__(
        self,
        client: ClusterClient,
        *,
        face: str,
        readonly: bool = False,
        audit: AuditLog | None = None,
        user: str | None = None,
        now_ms: WallClock | None = None,
        verify_timeout_ms: int = VERIFY_TIMEOUT_MS,
    ) -> None:
        self.client = client
        self.face = face
        self.readonly = readonly or readonly_by_environment()
        self.audit = audit or AuditLog()
        self.user = user or current_user()
        self.verify_timeout_ms = verify_timeout_ms
        self._now_ms = now_ms or (lambda: time.time_ns() // 1_000_000)

    def refuse_if_readonly(self, subject: str) -> None:
        """Raises OperatorError in read-only mode."""
        if self.readonly:
            raise OperatorError(
                f"{subject}: refused, this is read-only",
                f"--readonly, {VARIABLE} or the context in use says so",
                "A dry run shows what would change.",
            )

    async def plan(self, change: Change) -> Plan:
        """What `change` would do, checked against the cluster; nothing is changed. Raises OperatorError."""
        return Plan(self, await draft_change(self.client, change))

    async def plan_undo(self, audit_id: str) -> Plan:
        """What taking back that entry of the audit log ("last": the newest) would do.

        What was changed again since then is among the risks. Raises OperatorError when there is no undo, when it was
        undone already, or when it was another cluster.
        """
        trail = await asyncio.to_thread(self.audit.read)
        entry = trail.get(audit_id)
        if entry.undo is None:
            raise OperatorError(
                f"change {entry.id} ({entry.subject}) cannot be undone",
                entry.undo_note or "there is no way back from it",
                "`stoker audit` shows which changes can be: UNDO is yes.",
            )
        done_by = trail.undone_by().get(entry.id)
        if done_by is not None:
            raise OperatorError.words(f"change {entry.id} was undone already, by {done_by}", "That one can be undone.")
        cluster_id = await self._cluster_id()
        if entry.cluster_id != cluster_id:
            raise OperatorError.words(
                f"change {entry.id} was made to another cluster, {entry.cluster_id}, not to {cluster_id}",
                f"It was reached at -b {entry.bootstrap_servers}",
            )
        draft = await draft_change(self.client, from_stored(entry.undo))
        risks = [
            f"{name} has changed since: it is {_shown(now)}, and the change to be undone had made it {_shown(was)}."
            for name, was in (entry.after or {}).items()
            if name in draft.before and (now := draft.before[name]) != was
        ]
        return Plan(self, draft, undoes=entry.id, risks=tuple(risks))

    @contextlib.asynccontextmanager
    async def producing(self, topic: str, sent: Callable[[], Produced]) -> AsyncIterator[None]:
        """For records that are sent within: only their count is written down, never what is in them.

        `sent()` says at the end how many there were. Raises OperatorError in read-only mode.
        """
        subject = f"topic {topic}"
        self.refuse_if_readonly(subject)
        note = "records that were sent cannot be taken back"
        entry = await self._entry("produce", subject, command="", before=None, after=None, undo_note=note)
        self.audit.begin(entry)
        result: tuple[str, str | None] = (DONE, None)
        try:
            yield
        except BaseException as error:
            result = _failure(error)
            raise
        finally:
            produced = sent()
            if result[0] == DONE and produced.error is not None:
                result = (FAILED, produced.error)
            after = {"acknowledged_records": produced.records, "acknowledged_bytes": produced.size_bytes}
            with contextlib.suppress(OperatorError):
                self.audit.end(entry.id, *result, after=after)

    async def _cluster_id(self) -> str | None:
        with operator_errors("cluster"):
            return (await self.client.known_view()).cluster_id

    async def _entry(self, kind: str, subject: str, *, command: str, **values: Any) -> AuditEntry:
        return AuditEntry(
            id=new_id(),
            at_ms=self._now_ms(),
            user=self.user,
            host=host_name(),
            face=self.face,
            cluster_id=await self._cluster_id(),
            bootstrap_servers=",".join(f"{host}:{port}" for host, port in self.client.bootstrap),
            kind=kind,
            subject=subject,
            command=command,
            **values,
        )

    async def _carry_out(self, draft: Draft, undoes: str | None) -> ChangeResult:
        entry = await self._entry(
            kind_name(draft.change),
            draft.subject,
            command=draft.command,
            before=dict(draft.before),
            after=dict(draft.after),
            change=to_stored(draft.recorded or draft.change),
            undo=None if draft.undo is None else to_stored(draft.undo),
            undo_note=draft.undo_note,
            undoes=undoes,
        )
        self.audit.begin(entry)
        try:
            late_undo = await draft.carry_out()
        except BaseException as error:
            # What went wrong is what the operator must see, also when the log cannot be written any more.
            with contextlib.suppress(OperatorError):
                self.audit.end(entry.id, *_failure(error))
            raise
        undo = late_undo or draft.undo
        known_now: dict[str, Any] = {} if late_undo is None else {"undo": to_stored(late_undo)}
        unverified: tuple[str, ...] = ()
        try:
            # Done it is; that it does not show everywhere yet must not change that.
            self.audit.end(entry.id, DONE, **known_now)
            unverified, observed = await self._verify(draft)
            if unverified:
                self.audit.end(entry.id, DONE, error="not verified: " + "; ".join(unverified[:10]), **known_now)
        except OperatorError as error:
            unverified, observed = (*unverified, f"{error.title}: {error.detail}"), {}
        return ChangeResult(entry.id, undo, draft.undo_note, unverified, observed)

    async def _verify(self, draft: Draft) -> tuple[tuple[str, ...], Facts]:
        """Looks until the cluster shows it: brokers learn of a change one after the other."""
        deadline = Deadline(self.verify_timeout_ms)
        tries = 0
        observed: Facts = {}
        while True:
            tries += 1
            try:
                observed = await draft.observe()
                differing = _differing(draft.after, observed)
            except OperatorError as error:
                differing = (error.title,)
            if not differing or not await self.client.backoff.wait(tries, self.client.randomness, deadline):
                return differing, observed


def _failure(error: BaseException) -> tuple[str, str]:
    """Result and words for the audit log."""
    if isinstance(error, OperatorError):
        text = f"{error.title}: {error.detail}" if error.detail else error.title
        return (UNKNOWN, f"{text}. {error.hint}") if error.blame is Blame.UNREACHABLE else (FAILED, text)
    if isinstance(error, asyncio.CancelledError | KeyboardInterrupt):
        return UNKNOWN, "interrupted: it may have been carried out"
    return UNKNOWN, f"{type(error).__name__}: {error}"


def _differing(wanted: Facts, now: Facts) -> tuple[str, ...]:
    return tuple(
        f"{name} is {_shown(now.get(name))}, not {_shown(value)}"
        for name, value in wanted.items()
        if now.get(name) != value
    )


def _shown(value: Fact) -> str:
    return "unset" if value is None else "yes" if value is True else "no" if value is False else str(value)


__all__ = ["ChangeResult", "Door", "Plan", "Produced"]
