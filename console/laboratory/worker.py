"""The process of one world: questions on standard input, answers on standard output, until the input ends.

On the pipes: 4 bytes of length, big-endian, then MessagePack. What a world prints goes nowhere: the pipe is the answer's.
"""

from __future__ import annotations

import contextlib
import os
import struct
import sys
import traceback
from typing import BinaryIO

import msgspec

LENGTH = struct.Struct(">I")
MEMORY_BYTES_MAX = 3 << 30
"""A world that runs wild must not take the machine with it."""


def serve(questions: BinaryIO, answers: BinaryIO) -> None:
    """Answers until `questions` ends."""
    from console.laboratory.room import Room

    room = Room()
    while len(head := questions.read(LENGTH.size)) == LENGTH.size:
        question = msgspec.msgpack.decode(questions.read(LENGTH.unpack(head)[0]))
        try:
            answer = room.answer(question)
        except Exception:  # whatever it is, the face shall show it
            answer = {"fatal": traceback.format_exc(limit=-4)}
        data = msgspec.msgpack.encode(answer)
        answers.write(LENGTH.pack(len(data)) + data)
        answers.flush()
        if "fatal" in answer:
            return


def main() -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    answers = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    serve(sys.stdin.buffer, answers)
    # Coroutines of a world that is left standing need no farewell.
    answers.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
