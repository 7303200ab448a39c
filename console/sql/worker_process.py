"""One SQL worker as the console sees it: started, spoken to in frames, killed when it does not listen any more."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from pathlib import Path
from typing import Any

import console
from console.errors import OperatorError
from console.sql.frames import LENGTHS, BadFrame, head_bytes, parse_head, parse_lengths

_START_SECONDS_MAX = 60.0
_PIPE_BYTES = 1024 * 1024
_STDERR_BYTES_MAX = 4096

# -I: no environment variable and no current directory tells it what to import.
_BOOTSTRAP = "import sys; sys.path.insert(0, sys.argv.pop(1)); from console.sql.worker import main; main()"


class WorkerGone(Exception):
    """The worker ended by itself; says how."""


class WorkerProcess:
    """A running worker. One task reads (`receive`), any may `send`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._writing = asyncio.Lock()
        self._errors = bytearray()
        self._error_reader = asyncio.get_running_loop().create_task(self._read_errors())

    @classmethod
    async def start(
        cls, *, memory_bytes: int, processor_seconds: int, cache_bytes: int, schemas: bool = False
    ) -> WorkerProcess:
        """Starts one and waits until it is locked down and ready; `schemas`: for topics with registered schemas. Raises OperatorError when it does not come up."""
        root = Path(console.__file__).parents[1]
        words = (
            str(root),
            str(memory_bytes),
            str(processor_seconds),
            str(cache_bytes),
            *(("schemas",) if schemas else ()),
        )
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-I", "-c", _BOOTSTRAP, *words,
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
                limit=_PIPE_BYTES, env={"PATH": "", "TZ": "UTC", "LC_ALL": "C.UTF-8"}, cwd="/", start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise OperatorError("the SQL worker does not start", str(error)) from error
        worker = cls(process)
        worker._widen_pipes()
        try:
            async with asyncio.timeout(_START_SECONDS_MAX):
                head, _ = await worker.receive()
                if not head.get("ready"):
                    raise WorkerGone("it said something else than that it is ready")
        except (WorkerGone, TimeoutError) as error:
            await worker.kill()
            raise OperatorError("the SQL worker does not start", str(error) or "no answer") from error
        except BaseException:
            await worker.kill()
            raise
        return worker

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.returncode is None

    def _widen_pipes(self) -> None:
        try:
            import fcntl

            set_size = fcntl.F_SETPIPE_SZ
        except (ImportError, AttributeError):  # pragma: no cover - not Linux
            return
        transport = getattr(self._process, "_transport", None)
        for number in (0, 1):
            pipe = transport.get_pipe_transport(number) if transport is not None else None
            file = pipe.get_extra_info("pipe") if pipe is not None else None
            if file is not None:
                with contextlib.suppress(OSError, ValueError):
                    fcntl.fcntl(file.fileno(), set_size, _PIPE_BYTES)

    async def send(self, head: dict[str, Any], payload: Any = b"") -> None:
        """Raises WorkerGone."""
        stdin = self._process.stdin
        assert stdin is not None
        try:
            async with self._writing:
                stdin.write(head_bytes(head, len(payload)))
                if payload:
                    stdin.write(payload)
                await stdin.drain()
        except (OSError, RuntimeError) as error:
            raise WorkerGone(await self._how()) from error

    async def receive(self) -> tuple[dict[str, Any], bytes]:
        """The next frame. Raises WorkerGone."""
        stdout = self._process.stdout
        assert stdout is not None
        try:
            head_size, payload_size = parse_lengths(await stdout.readexactly(LENGTHS.size))
            head = parse_head(await stdout.readexactly(head_size))
            return head, await stdout.readexactly(payload_size) if payload_size else b""
        except BadFrame as error:
            await self.kill()
            raise WorkerGone(f"it said what cannot be understood: {error}") from error
        except (asyncio.IncompleteReadError, OSError) as error:
            raise WorkerGone(await self._how()) from error

    async def _how(self) -> str:
        """How it ended."""
        try:
            async with asyncio.timeout(5):
                code = await self._process.wait()
        except TimeoutError:
            return "it closed its output"
        lines = self._errors.decode("utf-8", "replace").strip().splitlines()
        if code == -24:  # SIGXCPU
            return "it used more processor time than it may"
        if code in (-9, -6, -11) or "MemoryError" in "".join(lines[-1:]) or "bad_alloc" in "".join(lines):
            return "it needed more memory than it may have" if code != -9 else "it was killed (signal 9)"
        return f"exit code {code}" + (f": {lines[-1]}" if lines else "")

    async def _read_errors(self) -> None:
        stderr = self._process.stderr
        assert stderr is not None
        while chunk := await stderr.read(4096):
            self._errors += chunk
            del self._errors[:-_STDERR_BYTES_MAX]

    async def kill(self) -> None:
        """Ends it at once. Idempotent."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
        self._error_reader.cancel()
        await asyncio.gather(self._error_reader, return_exceptions=True)
        # Else the loop warns about a transport that was left open.
        transport = getattr(self._process, "_transport", None)
        if transport is not None:
            transport.close()
