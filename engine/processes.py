"""Nodes as processes of their own: what runs in such a process, and how another one starts and ends it.

    python -m engine.processes FILE.properties       one node in the foreground; SIGTERM and SIGINT stop it
    NodeProcess(1, properties, directory)            the same as a child of this process

A child keeps three ties to its parent. Its standard input is a pipe that ends when the parent is gone, however that
went, and the node stops then; a byte in it asks for something: `b` for the first half of stopping, `Node.stop_broker`, `r`
for the node's request figures. Its standard output carries lines of JSON, {"ready": ...}, {"error": ...},
{"broker_stopped": ...} and {"requests": ...}, and ends with the process. What it logs goes to a file.

Exit codes: 0 stopped, 130 stopped by SIGINT, 1 could not start or go on, 2 the properties are wrong.
"""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING, Any

import msgspec

from engine.config import BrokerConfig
from engine.config.properties import format_properties, parse_properties
from engine.errors import ConfigError
from engine.net.request_figures import RequestFigure
from engine.runtime.garbage import collect_like_a_server

if TYPE_CHECKING:
    from engine.node import Node
    from engine.runtime import Runtime

EXIT_FAILED = 1
EXIT_WORDS = 2
EXIT_INTERRUPTED = 128 + signal.SIGINT
ORPHAN_SECONDS = 15.0
"""How long a node whose parent is gone may take to stop before it ends as it is."""
START_SECONDS = 60.0
"""How long a parent waits for a child: loading what is on disk comes on top, which is why it is so much."""
STOP_SECONDS = 30.0
"""How long a parent waits for a child to stop cleanly before it kills it."""
WATCH_SECONDS = 0.25
FIGURES_SECONDS = 2.0
"""How long a parent waits for a child's request figures."""
_HAND_OVER, _TELL_REQUESTS = b"b", b"r"
LOG_TAIL_LINES = 12
_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def new_event_loop() -> asyncio.AbstractEventLoop:
    """uvloop where it can be imported, else asyncio's own."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


# In the node's process


def main(arguments: list[str]) -> int:
    """Run the node of the properties file named; returns the exit code."""
    attached = arguments[:1] == ["--attached"]
    files = arguments[1:] if attached else arguments
    if len(files) != 1:
        print("usage: python -m engine.processes FILE.properties", file=sys.stderr)
        return EXIT_WORDS
    tell = _tell_parent if attached else _tell_person
    logging.basicConfig(stream=sys.stderr, level=logging.INFO if attached else logging.WARNING, format=_FORMAT)
    try:
        config = read_config(files[0])
    except ConfigError as error:
        tell("error", str(error))
        return EXIT_WORDS
    for warning in config.warnings:
        logging.getLogger(__name__).warning("%s", warning)

    def ready(node: Node) -> None:
        listeners = {each.listener: f"{each.host}:{each.port}" for each in node.advertised_endpoints}
        if config.is_controller:
            endpoint = node.controller_endpoint
            listeners[endpoint.listener] = f"{endpoint.host}:{endpoint.port}"
        addresses = ", ".join(f"{name}://{address}" for name, address in listeners.items())
        tell("ready", f"node {node.node_id} of cluster {node.cluster_id}, {addresses}")

    return run_node(
        config,
        on_ready=ready,
        on_error=lambda text: tell("error", text),
        on_broker_stopped=lambda: tell("broker_stopped", str(config.node_id)),
        on_requests=lambda figures: tell("requests", msgspec.json.encode(figures).decode()),
        ends_with_stdin=attached,
    )


def read_config(path: str) -> BrokerConfig:
    """The configuration in a properties file. ConfigError names the file and what is wrong."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"cannot read {path}: it is not text in UTF-8") from error
    return BrokerConfig.from_properties(parse_properties(text, path))


def _tell_parent(kind: str, text: str) -> None:
    sys.stdout.write(json.dumps({kind: text}) + "\n")
    sys.stdout.flush()


def _tell_person(kind: str, text: str) -> None:
    file = sys.stderr if kind == "error" else sys.stdout
    print(f"{'stoker' if kind == 'error' else 'Ready'}: {text}", file=file, flush=True)


def run_node(
    config: BrokerConfig,
    *,
    runtime: Runtime | None = None,
    on_ready: Callable[[Node], None] = lambda node: None,
    on_error: Callable[[str], None] = lambda text: None,
    on_broker_stopped: Callable[[], None] = lambda: None,
    on_requests: Callable[[list[RequestFigure]], None] = lambda figures: None,
    ends_with_stdin: bool = False,
) -> int:
    """Run one node in this process, which it has for itself, until it is told to stop. Returns the exit code.

    `on_ready` is called when the node serves, `on_error` with one line for what stops it from starting or going on.
    SIGTERM and SIGINT stop it cleanly; the second one ends the process at once. `ends_with_stdin`: the end of the
    standard input is taken for SIGTERM, and after `ORPHAN_SECONDS` for SIGKILL; `b` in it stops the broker while the
    quorum goes on, and then `on_broker_stopped` is called; `r` has `on_requests` called. For the main thread only.
    """
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(_run(config, runtime, on_ready, on_error, on_broker_stopped, on_requests, ends_with_stdin))


async def _run(
    config: BrokerConfig,
    runtime: Runtime | None,
    on_ready: Callable[[Node], None],
    on_error: Callable[[str], None],
    on_broker_stopped: Callable[[], None],
    on_requests: Callable[[list[RequestFigure]], None],
    ends_with_stdin: bool,
) -> int:
    from engine.node import Node
    from engine.runtime import Runtime, StorageError

    loop = asyncio.get_running_loop()
    told: asyncio.Future[int] = loop.create_future()

    def stop(number: int) -> None:
        if told.done():
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        told.set_result(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop, number)
    node = Node(config, runtime or Runtime.real())
    handing_over: list[asyncio.Task[None]] = []

    async def hand_over() -> None:
        await node.stop_broker()
        on_broker_stopped()

    def asked(byte: bytes) -> None:
        if byte == _HAND_OVER:
            handing_over.append(loop.create_task(hand_over()))
        elif byte == _TELL_REQUESTS:
            on_requests(node.request_figures)

    if ends_with_stdin:
        _watch_parent(
            loop,
            on_byte=asked,
            on_end=lambda: None if told.done() else stop(signal.SIGTERM),
        )

    async def start() -> None:
        await node.bind()
        await node.start()

    starting = loop.create_task(start())
    first: list[asyncio.Future[Any]] = [starting, told]
    failure: str | None = None
    try:
        await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
            collect_like_a_server()
            on_ready(node)
        while not told.done() and node.failed is None:
            await asyncio.wait({told}, timeout=WATCH_SECONDS)
        if node.failed is not None:
            failure = f"node {node.node_id} stopped by itself: {node.failed}"
    except (ConfigError, StorageError) as error:
        failure = str(error)
    except Exception as error:
        logging.getLogger(__name__).exception("node %d", node.node_id)
        failure = f"node {node.node_id}: {error or type(error).__name__}"
    finally:
        starting.cancel()
        await asyncio.gather(starting, *handing_over, return_exceptions=True)
        if node.failed is None and failure is None:
            await node.stop()
        else:
            node.kill()
    if failure is not None:
        on_error(failure)
        return EXIT_FAILED
    return EXIT_INTERRUPTED if told.result() == signal.SIGINT else 0


def _watch_parent(
    loop: asyncio.AbstractEventLoop, *, on_byte: Callable[[bytes], object], on_end: Callable[[], object]
) -> None:
    """Call back on the loop for what comes on the standard input. A thread, so that its end holds for a loop that hangs."""

    def watch() -> None:
        try:
            while byte := os.read(0, 1):
                loop.call_soon_threadsafe(on_byte, byte)
            loop.call_soon_threadsafe(on_end)
        except RuntimeError:  # the loop is closed: we are about to end anyway
            return
        threading.Event().wait(ORPHAN_SECONDS)
        os._exit(EXIT_FAILED)

    threading.Thread(target=watch, name="stoker-parent", daemon=True).start()


# In the parent


class NodeProcess:
    """One node as a child process. All of it belongs to the loop it was started on.

    Its properties are checked here, so that what is wrong with them is told before anything starts: ConfigError.
    """

    def __init__(
        self, node_id: int, properties: Mapping[str, str], directory: str, *, launcher: Sequence[str] = ()
    ) -> None:
        """`directory` gets `node.properties` and `node.log`; it must exist when the process is started.

        `launcher` is a command that runs the rest of its arguments in its place, such as `ip netns exec NAME`.
        """
        self.node_id = node_id
        self.config = BrokerConfig.from_properties(properties)
        self.properties_path = f"{directory}/node.properties"
        self.log_path = f"{directory}/node.log"
        self._properties = dict(properties)
        self._launcher = tuple(launcher)
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0
        self._told: dict[str, str] = {}
        self._transport: asyncio.ReadTransport | None = None
        self._first_line: asyncio.Future[None] | None = None
        self._output_ended: asyncio.Future[None] | None = None
        self._broker_stopped = asyncio.Event()
        self._figures: asyncio.Future[list[RequestFigure] | None] | None = None
        self._is_stopping = False

    @property
    def pid(self) -> int:
        """The process's id; -1 before `start`."""
        return -1 if self._process is None else self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def failed(self) -> ConfigError | None:
        """Why it ended without having been told to; None when it did not."""
        if self._process is None or self.is_running or self._is_stopping:
            return None
        return ConfigError(self._obituary("ended by itself"))

    async def start(self) -> None:
        """Start the process; returns when its broker is unfenced. ConfigError quotes what it said."""
        loop = asyncio.get_running_loop()
        self._first_line, self._output_ended = loop.create_future(), loop.create_future()
        self._told, self._is_stopping = {}, False
        self._process = process = self._spawn()
        self._transport, _ = await loop.connect_read_pipe(lambda: _Output(self), process.stdout)
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._first_line
        except TimeoutError:
            self.kill()
            raise ConfigError(self._obituary(f"was not ready within {START_SECONDS:.0f} s")) from None
        except BaseException:
            self.kill()
            raise
        if "ready" not in self._told:
            await self._ended()
            raise ConfigError(self._obituary("did not start"))

    def _spawn(self) -> subprocess.Popen[bytes]:
        Path(self.properties_path).write_text(format_properties(self._properties), encoding="utf-8")
        with open(self.log_path, "ab") as log:
            self._log_start = log.tell()
            return subprocess.Popen(
                # -P: what lies in the working directory must not be taken for our modules.
                [*self._launcher, sys.executable, "-P", "-m", "engine.processes", "--attached", self.properties_path],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=_environment(),
                start_new_session=True,  # Ctrl-C in the terminal is for the parent, which then stops its nodes in order
            )

    async def stop_broker(self) -> None:
        """The first half of `stop`, as `Node.stop_broker`; returns early when the process ends or takes too long."""
        process = self._process
        if process is None or process.stdin is None or process.poll() is not None:
            return
        self._is_stopping = True
        try:
            os.write(process.stdin.fileno(), _HAND_OVER)
            async with asyncio.timeout(STOP_SECONDS):
                await self._broker_stopped.wait()
        except (OSError, TimeoutError) as error:
            logging.getLogger(__name__).warning("node %d: handing over: %s", self.node_id, error or "no answer")

    async def request_figures(self) -> list[RequestFigure] | None:
        """What `Node.request_figures` is there; None when the process does not answer in time, or has ended."""
        process = self._process
        if process is None or process.stdin is None or process.poll() is not None:
            return None
        answer = self._figures
        if answer is None or answer.done():
            answer = self._figures = asyncio.get_running_loop().create_future()
            try:
                os.write(process.stdin.fileno(), _TELL_REQUESTS)
            except OSError:
                return None
        try:
            async with asyncio.timeout(FIGURES_SECONDS):
                return await asyncio.shield(answer)
        except TimeoutError:
            return None

    async def stop(self) -> None:
        """SIGTERM, and wait for the clean end; SIGKILL when it takes longer than `STOP_SECONDS`."""
        process = self._process
        if process is None:
            return
        self._is_stopping = True
        if process.poll() is None:
            process.terminate()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self._ended()
        except TimeoutError:
            logging.getLogger(__name__).error("node %d: not stopped within %.0f s: killed", self.node_id, STOP_SECONDS)
        finally:
            self.kill()

    def kill(self) -> None:
        """SIGKILL. When this returns the process is gone, and with it its ports and locks."""
        self._is_stopping = True
        process = self._process
        if process is not None:
            process.kill()
            process.wait()
            if process.stdin is not None:
                process.stdin.close()
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    async def _ended(self) -> None:
        """Returns when the process has ended and been waited for."""
        assert self._process is not None
        assert self._output_ended is not None
        await asyncio.shield(self._output_ended)
        await asyncio.to_thread(self._process.wait)

    def _obituary(self, what: str) -> str:
        """What happened to the process, in its own words where it had any."""
        assert self._process is not None
        code = self._process.returncode
        how = "" if code is None else f" (signal {-code})" if code < 0 else f" (exit code {code})"
        text = f"node {self.node_id} {what}{how}"
        if "error" in self._told:
            text += f": {self._told['error']}"
        tail = self._log_tail()
        return f"{text}\n{self.log_path}:\n{tail}" if tail else text

    def _log_tail(self) -> str:
        """The last lines this life of the node has logged."""
        try:
            with open(self.log_path, "rb") as log:
                log.seek(self._log_start)
                lines = log.read().decode("utf-8", "replace").splitlines()
        except OSError:
            return ""
        return "\n".join(f"  {line}" for line in lines[-LOG_TAIL_LINES:])

    # what _Output reports

    def line_received(self, line: bytes) -> None:
        try:
            told = json.loads(line)
        except ValueError:
            return  # a print in somebody's patch; nobody's message
        if isinstance(told, dict) and "requests" in told:
            if self._figures is not None and not self._figures.done():
                self._figures.set_result(msgspec.json.decode(told["requests"], type=list[RequestFigure]))
        elif isinstance(told, dict):
            self._told.update({str(key): str(value) for key, value in told.items()})
            if "broker_stopped" in told:
                self._broker_stopped.set()
        if self._first_line is not None and not self._first_line.done():
            self._first_line.set_result(None)

    def output_ended(self) -> None:
        self._broker_stopped.set()
        if self._figures is not None and not self._figures.done():
            self._figures.set_result(None)
        for future in (self._first_line, self._output_ended):
            if future is not None and not future.done():
                future.set_result(None)


class _Output(asyncio.Protocol):
    """Reads what a child says."""

    def __init__(self, owner: NodeProcess) -> None:
        self._owner = owner
        self._rest = b""

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._owner.line_received(line)

    def connection_lost(self, exc: Exception | None) -> None:
        self._owner.output_ended()


def _environment() -> dict[str, str]:
    """Ours, with the place this package was imported from in front."""
    root = str(Path(__file__).resolve().parent.parent)
    path = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{path}" if path else root}


PORTS_FIRST = 10_000


def free_ports(host: str, count: int) -> list[int]:
    """Ports that are free now and that the system gives to nobody who does not ask for them.

    They are kept while a node is down. One of the range the system picks from could meanwhile become the local end of
    any connection, even of a client that tries to reach this very port and so ends up connected to itself (Linux:
    net.ipv4.ip_local_port_range).
    """
    random = SystemRandom()
    end = max(_first_ephemeral_port(), PORTS_FIRST + 1_000)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    ports: list[int] = []
    for _ in range(100 * count):
        port = random.randrange(PORTS_FIRST, end)
        if port in ports:
            continue
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            try:
                probe.bind((host, port))
            except OSError as error:
                if error.errno in (errno.EADDRINUSE, errno.EACCES):
                    continue
                # Nothing of the port's: whoever listens there will say what is wrong with the address.
        ports.append(port)
        if len(ports) == count:
            return ports
    raise ConfigError(f"host={host}: no free ports between {PORTS_FIRST} and {end - 1}")


def _first_ephemeral_port() -> int:
    try:
        return int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return 32_768  # Linux's default; elsewhere it is higher (RFC 6335: 49152)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
