"""The process of one world: questions on standard input, answers on standard output, until the input ends.

On the pipes: 4 bytes of length, big-endian, then MessagePack. What a world prints goes nowhere: the pipe is the answer's.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import struct
import sys
import traceback
from typing import BinaryIO

import msgspec

LENGTH = struct.Struct(">I")
QUESTION_BYTES_MAX = 1 << 20
MEMORY_BYTES_MAX = 3 << 30
"""A world that runs wild must not take the machine with it."""


async def serve(questions: asyncio.StreamReader, answers: BinaryIO) -> None:
    """Answers until `questions` ends. In between the loop serves the world's ports, where it has some."""
    from console.laboratory.room import Room

    room = Room()
    while True:
        try:
            head = await questions.readexactly(LENGTH.size)
            question = msgspec.msgpack.decode(await questions.readexactly(LENGTH.unpack(head)[0]))
        except asyncio.IncompleteReadError:
            return
        try:
            answer = await room.answer(question)
        except Exception:  # whatever it is, the face shall show it
            answer = {"fatal": traceback.format_exc(limit=-4)}
        data = msgspec.msgpack.encode(answer)
        answers.write(LENGTH.pack(len(data)) + data)
        answers.flush()
        if "fatal" in answer:
            return


async def _questions() -> asyncio.StreamReader:
    """Standard input, read by the loop."""
    reader = asyncio.StreamReader(limit=QUESTION_BYTES_MAX)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin.buffer)
    return reader


def main() -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    answers = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)

    async def answer_all() -> None:
        await serve(await _questions(), answers)
        # Coroutines of a world that is left standing need no farewell.
        answers.flush()
        os._exit(0)

    asyncio.run(answer_all())


if __name__ == "__main__":
    main()
