"""Keys one after the other: the next is sent only when what the one before it opens can take it.

Textual sends a key to what has the focus when it is read. What a key opens (a view, a dialog) has the focus a moment later,
so letters that are typed right behind it, or pasted, or come in one packet over a slow line, would be taken for keys of what
was there before: `p` and "precious" would not be a word in a field, but nine commands to the view that is being left.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from functools import partial
from typing import Any

from textual import events
from textual.app import App
from textual.message import Message
from textual.widget import Widget
from textual.worker import NoActiveWorker, Worker, get_current_worker

LOOK_SECONDS = 0.02
LOOKS_MAX = 250
"""So often one looks whether what is being opened is there, if Esc does not call it off. What was typed until then is
forgotten: where it belongs is not there. (Looks, not seconds: what the loop itself is busy with is no cluster's fault.)"""
ROUNDS = 3
"""How often the way of a key is gone: a key may be a message of a widget (that a line was entered), and that another's (that
there is a command)."""


class KeyPassed(Message):
    """Goes the way of a key right behind it, and so tells when that has been dealt with."""

    def __init__(self, target: Widget) -> None:
        super().__init__()
        self.target = target
        self.rounds_left = ROUNDS - 1
        self.looks_left = LOOKS_MAX


class KeysInOrder(App[int]):
    """An application of which keys and pasted texts wait for each other. `at_once` are keys that wait for nothing."""

    at_once: frozenset[str] = frozenset()

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._held: deque[events.Event] = deque()
        self._sent: KeyPassed | None = None
        """What follows the key that is under way."""
        self._openers: dict[Worker[Any], bool] = {}
        """Workers that will open something, and whether Esc calls them off."""

    @property
    def keys_wait(self) -> bool:
        """Whether a key is under way, or waits."""
        return self._sent is not None or bool(self._held)

    def opens(self, worker: Worker[Any], *, can_be_called_off: bool = False) -> None:
        """That worker will open something: keys wait until there is a dialog of it, or it has ended."""
        self._openers = {each: can for each, can in self._openers.items() if not each.is_finished}
        self._openers[worker] = can_be_called_off

    def push_screen(self, *arguments: Any, **options: Any) -> Any:
        found = super().push_screen(*arguments, **options)
        with suppress(NoActiveWorker):
            # What that worker opens is there.
            self._openers.pop(get_current_worker(), None)
        return found

    async def on_event(self, event: events.Event) -> None:
        if not self._waits(event):
            await super().on_event(event)
        elif not self._calls_off(event):
            self._held.append(event)
            if self._sent is None:
                await self._send()

    def _waits(self, event: events.Event) -> bool:
        if isinstance(event, events.Key) and event.key in self.at_once:
            return False
        return isinstance(event, (events.Key, events.Paste)) and not event.is_forwarded

    def _calls_off(self, event: events.Event) -> bool:
        """Whether that is an Esc for what is taking long to open: it is not opened, and what was typed for it is forgotten."""
        meant = [worker for worker, can in self._openers.items() if can and not worker.is_finished]
        if not isinstance(event, events.Key) or event.key != "escape" or not meant:
            return False
        for worker in meant:
            worker.cancel()
        self._held.clear()
        return True

    async def _send(self) -> None:
        """The next one, to what has the focus now."""
        if not self._held:
            return
        event = self._held.popleft()
        target = self.focused or self.screen
        sent = self._sent = KeyPassed(target)
        await super().on_event(event)
        target.post_message(sent)
        self._look_for(sent)

    async def on_key_passed(self, message: KeyPassed) -> None:
        message.stop()
        if message is self._sent and message.rounds_left and message.target.is_attached:
            again = self._sent = KeyPassed(message.target)
            again.rounds_left = message.rounds_left - 1
            message.target.post_message(again)
            self._look_for(again)
        else:
            await self._go_on(message)

    async def _go_on(self, sent: KeyPassed) -> None:
        """That key was dealt with: the next, or a little later when something opens."""
        if sent is not self._sent or not self.screen_stack:
            return
        if self._is_opening:
            sent.looks_left -= 1
            if sent.looks_left > 0:
                self.set_timer(LOOK_SECONDS, partial(self._go_on, sent))
                return
            self._held.clear()
        self._sent = None
        await self._send()

    @property
    def _is_opening(self) -> bool:
        screen = self.screen
        if not screen.is_mounted or (screen.is_modal and screen.focused is None and screen.focus_chain):
            return True
        return any(not each.is_finished for each in self._openers)

    def _look_for(self, sent: KeyPassed) -> None:
        """What the key went to may be gone before it passed on what followed the key."""
        if self._sent is not sent or not self.is_running:
            return
        sent.looks_left -= 1
        if sent.target.is_attached and sent.target.is_running and sent.looks_left > 0:
            asyncio.get_running_loop().call_later(LOOK_SECONDS, self._look_for, sent)
        else:
            self.call_next(self._go_on, sent)
