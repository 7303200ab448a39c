"""How a session asks its room: in a process of its own (`WorkerChannel`), or here (`LocalChannel`, for tests)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from typing import Any, Protocol

import msgspec

from console.errors import OperatorError
from console.laboratory.worker import LENGTH

ANSWER_SECONDS_MAX = 60.0
"""A world that has not answered by then hangs: its process is ended."""
REPLAY_SECONDS_MAX = 900.0
"""The same for questions that play a whole situation again: hours of virtual time take minutes."""
REPLAYING = frozenset({"open", "fork", "connect", "export"})
ANSWER_BYTES_MAX = 64 << 20


class WorldFailed(OperatorError):
    """The world's process is gone, or its room failed. There is no going on, but a new one can be opened."""


class Channel(Protocol):
    """Questions to a room, one at a time."""

    async def start(self) -> None:
        """Make ready for the first question; without it, that takes longer. Raises OSError."""
        ...

    async def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        """The room's answer. Raises WorldFailed."""
        ...

    async def close(self) -> None: ...


class LocalChannel:
    """A room in this process, in this loop: what it plays holds the loop up."""

    def __init__(self) -> None:
        from console.laboratory.room import Room

        self._room = Room()

    async def start(self) -> None:
        pass

    async def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        return await self._room.answer(question)

    async def close(self) -> None:
        self._room.close()


class WorkerChannel:
    """A room in a process of its own, started with the first question."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._was_asked = False
        self._closed = False

    async def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        if self._closed:
            raise WorldFailed("this world is closed")
        seconds = REPLAY_SECONDS_MAX if question["ask"] in REPLAYING else ANSWER_SECONDS_MAX
        try:
            async with asyncio.timeout(seconds):
                answer = await self._exchange(question)
        except TimeoutError as error:
            await self.close()
            raise WorldFailed(f"the world has not answered for {seconds:.0f} s and was ended") from error
        except (OSError, EOFError, asyncio.IncompleteReadError) as error:
            await self.close()
            raise WorldFailed("the world's process is gone", str(error) or type(error).__name__) from error
        except asyncio.CancelledError:
            # Half an answer may be in the pipe: nothing that comes later could be told from it.
            await asyncio.shield(self.close())
            raise
        if "fatal" in answer:
            await self.close()
            raise WorldFailed("the world failed", str(answer["fatal"]))
        return answer

    async def start(self) -> None:
        """The process: it imports what a world needs, and waits for the first question."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            "console.laboratory.worker",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            start_new_session=True,  # Ctrl-C in the terminal is for the console
        )

    async def _exchange(self, question: dict[str, Any]) -> dict[str, Any]:
        if self._process is None or (self._process.returncode is not None and not self._was_asked):
            await self.start()
        self._was_asked = True
        assert self._process is not None
        reader, writer = self._process.stdout, self._process.stdin
        assert reader is not None
        assert writer is not None
        data = msgspec.msgpack.encode(question)
        writer.write(LENGTH.pack(len(data)) + data)
        await writer.drain()
        size = LENGTH.unpack(await reader.readexactly(LENGTH.size))[0]
        if size > ANSWER_BYTES_MAX:
            raise OSError(f"an answer of {size:,} bytes")
        answer: dict[str, Any] = msgspec.msgpack.decode(await reader.readexactly(size))
        return answer

    async def close(self) -> None:
        """Ends the process; the world has nothing that is worth a farewell."""
        self._closed = True
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(process.wait(), 5)
