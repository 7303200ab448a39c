"""Changes of the contexts file that were just made from the browser, so that the message that reports one can undo it.

Nothing of them is in the audit log: they happen to the user's own file, to no cluster. They are lost when the console stops.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from dataclasses import dataclass, field

from console.contexts import Context, Contexts

KEPT_MAX = 50


@dataclass(frozen=True, slots=True)
class ContextChange:
    """One change: what it did in words, and how that context and the choice of the command line were before."""

    text: str
    name: str
    before: Context | None
    """None where there was none of that name."""
    current: str | None

    def undone(self, now: Contexts) -> Contexts:
        """The file as it is now, with this one change taken back."""
        contexts = dict(now.contexts)
        if self.before is None:
            contexts.pop(self.name, None)
        else:
            contexts[self.name] = self.before
        current = self.current if self.current in contexts else None
        return Contexts(contexts, current)


@dataclass(slots=True)
class ContextChanges:
    """Those of one console; the oldest goes first."""

    kept: OrderedDict[str, ContextChange] = field(default_factory=OrderedDict)

    def keep(self, change: ContextChange) -> str:
        """Its id, for `?changed=`."""
        change_id = secrets.token_urlsafe(8)
        self.kept[change_id] = change
        if len(self.kept) > KEPT_MAX:
            self.kept.popitem(last=False)
        return change_id
