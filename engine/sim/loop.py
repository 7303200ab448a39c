"""An asyncio event loop in virtual time: the same code, one thread, no waiting, and every run repeatable from a seed.

- Time is an integer count of nanoseconds. It jumps to the next timer when nothing is ready; timers are rounded up; each
  reading moves the clock on by 1 ns. (A float clock live-locks: a client that asked for what was left of a linger got
  1e-18 s, and such a timer cannot move a float clock.)
- `call_soon` is first in, first out, as asyncio promises. Timers and network events due at the same instant run in
  seeded order, which asyncio leaves open.
- Sets of tasks and futures are iterated in an order that depends on their hash, by default an address. Here the hash
  is a counter of the loop, so `asyncio.wait` returns the same order in every process.
- No threads: `run_in_executor` runs in place after a virtual delay.
- Nothing ready and no timer is a deadlock; too many callbacks at one instant are a livelock; an exception nobody
  handles fails the run.
"""

from __future__ import annotations

import asyncio
import contextvars
import gc
import heapq
import random
import sys
import weakref
from asyncio import events
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, cast

from engine.sim.process import CURRENT, Process, ProcessState

if TYPE_CHECKING:
    from engine.sim.network import SimNetwork

T = TypeVar("T")

START_NS = 1_000 * 1_000_000_000
"""Monotonic time at which every loop begins; not zero, because programs take zero for "never"."""

_MILLISECOND = 1_000_000
_CANCELLED_TIMERS_MIN = 100
_TASKS_KEPT_MIN = 256


class SimulationError(Exception):
    """The run cannot go on."""


class DeadlockError(SimulationError):
    """Nothing is ready and no timer is set, so nothing can ever happen again. Names the tasks that wait."""


class LivelockError(SimulationError):
    """Too many callbacks ran while time stood still. Names what ran last."""


class UnhandledError(SimulationError):
    """An exception nobody handled, in a callback or in a task whose result nobody took."""


class SimHandle(asyncio.Handle):
    """A callback that is to run."""

    __slots__ = ()
    _callback: Callable[..., object]
    _args: Sequence[Any]
    _context: contextvars.Context

    def __init__(
        self, callback: Callable[..., object], args: Sequence[Any], context: contextvars.Context | None
    ) -> None:
        self._callback = callback
        self._args = args
        self._context = contextvars.copy_context() if context is None else context
        self._cancelled = False

    def cancel(self) -> None:
        self._cancelled = True
        self._callback = _nothing  # lets go of what it holds
        self._args = ()

    def __repr__(self) -> str:
        return f"<SimHandle {_describe(self._callback)}{' cancelled' if self._cancelled else ''}>"


class SimTimer(asyncio.TimerHandle):
    """A callback that is to run at a time."""

    __slots__ = ("_owner", "_waiting", "when_ns")
    _callback: Callable[..., object]
    _args: Sequence[Any]
    _context: contextvars.Context

    def __init__(
        self,
        when_ns: int,
        callback: Callable[..., object],
        args: Sequence[Any],
        context: contextvars.Context | None,
        owner: SimLoop,
    ) -> None:
        self._callback = callback
        self._args = args
        self._context = contextvars.copy_context() if context is None else context
        self._cancelled = False
        self._waiting = True
        self._owner = owner
        self.when_ns = when_ns

    def when(self) -> float:
        return self.when_ns / 1e9

    def cancel(self) -> None:
        if not self._cancelled:
            self._cancelled = True
            self._callback = _nothing
            self._args = ()
            if self._waiting:
                self._owner.timer_cancelled()

    def __hash__(self) -> int:
        return hash(self.when_ns)

    def __eq__(self, other: object) -> bool:
        return self is other

    def __repr__(self) -> str:
        return f"<SimTimer at {self.when_ns} {_describe(self._callback)}{' cancelled' if self._cancelled else ''}>"


class SimFuture(asyncio.Future[T]):
    """A future whose place in a set is the order in which it was first put into one."""

    _order: int

    def __hash__(self) -> int:
        try:
            return self._order
        except AttributeError:
            self._order = cast(SimLoop, self.get_loop()).next_order()
            return self._order

    def __eq__(self, other: object) -> bool:
        return self is other


class SimTask(asyncio.Task[T]):
    """A task whose place in a set is the order of its creation, and which knows its process."""

    _order: int
    process: Process | None = None

    def __hash__(self) -> int:
        try:
            return self._order
        except AttributeError:
            self._order = cast(SimLoop, self.get_loop()).next_order()
            return self._order

    def __eq__(self, other: object) -> bool:
        return self is other


class SimLoop(asyncio.AbstractEventLoop):
    """The loop. `random_source` decides the order of what asyncio leaves open and the executor's delays.

    `livelock_callbacks` is how many callbacks may run while virtual time moves by less than a millisecond.
    `network` serves `create_server` and `create_connection`; without one they raise.
    """

    def __init__(self, random_source: random.Random | None = None, *, livelock_callbacks: int = 500_000) -> None:
        self._random = random_source if random_source is not None else random.Random(0)
        self._getrandbits = self._random.getrandbits
        self.now_ns = START_NS
        self._ready: deque[SimHandle | SimTimer] = deque()
        self._timers: list[tuple[int, int, int, SimTimer]] = []
        self._timers_made = 0
        self._timers_cancelled = 0
        self._orders = 0
        self._tasks_made = 0
        self._tasks_kept: list[weakref.ref[SimTask[Any]]] = []
        self._tasks_kept_max = _TASKS_KEPT_MIN
        self._livelock_callbacks = livelock_callbacks
        self._running = False
        self._stopping = False
        self._limit_ns: int | None = None
        self._closed = False
        self._failure: UnhandledError | None = None
        self._exception_handler: Callable[[asyncio.AbstractEventLoop, dict[str, Any]], object] | None = None
        self._task_factory: Any = None
        self.network: SimNetwork | None = None
        self.callbacks = 0
        """How many callbacks have run."""

    # ---- time

    def time(self) -> float:
        """Virtual monotonic time in seconds. Each reading moves it on by one nanosecond."""
        self.now_ns += 1
        return self.now_ns / 1e9

    def read_ns(self) -> int:
        """The same in nanoseconds."""
        self.now_ns += 1
        return self.now_ns

    # ---- scheduling

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        if self._closed:
            raise RuntimeError("Event loop is closed")
        handle = SimHandle(callback, args, context)
        self._ready.append(handle)
        return handle

    def call_soon_threadsafe(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        return self.call_soon(callback, *args, context=context)

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        """`delay` in seconds, rounded up to a whole nanosecond."""
        return self.call_at_ns(self.now_ns + seconds_to_ns(delay), callback, *args, context=context)

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        """`when` in seconds of `time()`, rounded up to a whole nanosecond."""
        return self.call_at_ns(seconds_to_ns(when), callback, *args, context=context)

    def call_at_ns(
        self, when_ns: int, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> SimTimer:
        """At an exact virtual time. Among timers of one instant the order is drawn from the seed."""
        if self._closed:
            raise RuntimeError("Event loop is closed")
        timer = SimTimer(when_ns, callback, args, context, self)
        self._timers_made += 1
        heapq.heappush(self._timers, (when_ns, self._getrandbits(30), self._timers_made, timer))
        return timer

    def timer_cancelled(self) -> None:
        """A timer in the queue was cancelled; forget them all once they are most of the queue."""
        self._timers_cancelled += 1
        if self._timers_cancelled > _CANCELLED_TIMERS_MIN and self._timers_cancelled * 2 > len(self._timers):
            self._timers[:] = [entry for entry in self._timers if not entry[3]._cancelled]  # in place: _run holds it
            heapq.heapify(self._timers)
            self._timers_cancelled = 0

    def requeue(self, handles: Sequence[asyncio.Handle]) -> None:
        """Make callbacks ready that a process held back."""
        self._ready.extend(cast(Sequence[SimHandle | SimTimer], handles))

    # ---- running

    def run_forever(self) -> None:
        if self._closed:
            raise RuntimeError("Event loop is closed")
        if self._running or events._get_running_loop() is not None:
            raise RuntimeError("This event loop is already running")
        hooks = sys.get_asyncgen_hooks()
        self._running = True
        events._set_running_loop(self)
        sys.set_asyncgen_hooks(firstiter=_nothing, finalizer=self._finalize_generator)
        try:
            self._run()
        finally:
            self._stopping = False
            self._running = False
            events._set_running_loop(None)
            sys.set_asyncgen_hooks(*hooks)

    def _run(self) -> None:
        ready = self._ready
        timers = self._timers
        popleft = ready.popleft
        append = ready.append
        heappop = heapq.heappop
        current = CURRENT
        instant_ns = self.now_ns
        instant_callbacks = self.callbacks
        while True:
            if not ready:
                while timers and timers[0][3]._cancelled:
                    heappop(timers)
                    self._timers_cancelled -= 1
                limit_ns = self._limit_ns
                if limit_ns is not None and (not timers or timers[0][0] > max(limit_ns, self.now_ns)):
                    return
                if not timers:
                    raise DeadlockError(f"nothing is ready and no timer is set; waiting:\n{self.waiting_tasks()}")
                if timers[0][0] > self.now_ns:
                    self.now_ns = timers[0][0]
            now_ns = self.now_ns
            while timers and timers[0][0] <= now_ns:
                timer = heappop(timers)[3]
                if timer._cancelled:
                    self._timers_cancelled -= 1
                else:
                    timer._waiting = False
                    append(timer)
            for _ in range(len(ready)):
                handle = popleft()
                if handle._cancelled:
                    continue
                context = handle._context
                process = context.get(current)
                if process is not None and not process.runs:
                    process.keep_back(handle)
                    continue
                self.callbacks += 1
                try:
                    context.run(handle._callback, *handle._args)
                except (SystemExit, KeyboardInterrupt, SimulationError):
                    raise
                except BaseException as error:
                    self.call_exception_handler({"message": f"exception in {handle!r}", "exception": error})
            if self._failure is not None:
                failure, self._failure = self._failure, None
                raise failure
            if self._stopping:
                return
            if now_ns - instant_ns >= _MILLISECOND:
                instant_ns = now_ns
                instant_callbacks = self.callbacks
            elif self.callbacks - instant_callbacks > self._livelock_callbacks:
                raise LivelockError(
                    f"{self.callbacks - instant_callbacks} callbacks while time stood still; "
                    f"ready: {[repr(handle) for handle in list(ready)[:5]]}"
                )

    def run_until_ns(self, until_ns: int) -> None:
        """Run what is ready and every timer due by then; returns when the next one is later, with time where it got to.

        Where a run is cut into pieces changes nothing of what happens in it: nothing is scheduled or drawn for it.
        Unlike `run_forever` it may be called while another loop runs in this thread, which stands still meanwhile.
        """
        outer = events._get_running_loop()
        events._set_running_loop(None)
        self._limit_ns = until_ns
        try:
            self.run_forever()
        finally:
            self._limit_ns = None
            events._set_running_loop(outer)

    def next_ns(self) -> int | None:
        """When the next callback is due: now when one is ready, None when none will ever be."""
        if self._ready:
            return self.now_ns
        timers = self._timers
        while timers and timers[0][3]._cancelled:
            heapq.heappop(timers)
            self._timers_cancelled -= 1
        return timers[0][0] if timers else None

    def run_until_complete(self, future: Generator[Any, None, T] | Awaitable[T]) -> T:
        made_here = not asyncio.isfuture(future)
        waited: asyncio.Future[T] = asyncio.ensure_future(cast(Awaitable[T], future), loop=self)
        waited.add_done_callback(self._stop_when_done)
        try:
            self.run_forever()
        except BaseException:
            if made_here:
                if waited.done() and not waited.cancelled():
                    waited.exception()  # the error we raise says more
                elif isinstance(waited, SimTask):
                    _forget_pending(waited)
            raise
        finally:
            waited.remove_done_callback(self._stop_when_done)
        if not waited.done():
            raise RuntimeError("Event loop stopped before Future completed.")
        return waited.result()

    def _stop_when_done(self, _future: asyncio.Future[Any]) -> None:
        self._stopping = True

    def stop(self) -> None:
        self._stopping = True

    def is_running(self) -> bool:
        return self._running

    def is_closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        """Drop everything that waits. Suspended coroutines of the run are closed, in order of creation."""
        if self._running:
            raise RuntimeError("Cannot close a running event loop")
        if self._closed:
            return
        self._close_tasks(self._tasks())
        self._ready.clear()
        self._timers.clear()
        self._closed = True

    def raise_unretrieved(self) -> None:
        """Raise the exception of a task whose result nobody took. Collects garbage, because asyncio tells only then."""
        gc.collect()
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure

    async def shutdown_asyncgens(self) -> None:
        """Nothing to do: generators are closed as they are let go of."""

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Nothing to do: there is no executor."""

    def _finalize_generator(self, generator: AsyncGenerator[Any, Any]) -> None:
        process = CURRENT.get()
        if not self._closed and (process is None or process.state is not ProcessState.DEAD):
            self.call_soon(self.create_task, generator.aclose())

    # ---- futures and tasks

    def next_order(self) -> int:
        """The next place in the order of first uses as a member of a set."""
        self._orders += 1
        return self._orders

    def create_future(self) -> asyncio.Future[Any]:
        return SimFuture(loop=self)

    def create_task(  # type: ignore[override]
        self,
        coro: Coroutine[Any, Any, T],
        *,
        name: object = None,
        context: contextvars.Context | None = None,
        **_options: Any,
    ) -> asyncio.Task[T]:
        if self._closed:
            raise RuntimeError("Event loop is closed")
        self._tasks_made += 1
        if context is None:
            context = contextvars.copy_context()
        task: SimTask[T] = SimTask(
            coro, loop=self, name=f"task-{self._tasks_made}" if name is None else str(name), context=context
        )
        self._keep(task)
        task.process = context.get(CURRENT)
        if task.process is not None and task.process.state is ProcessState.DEAD:
            self._close_tasks([task])
        return task

    def set_task_factory(self, factory: Any) -> None:
        if factory is not None:
            raise NotImplementedError("the laboratory's tasks are its own")

    def get_task_factory(self) -> Any:
        return None

    def _tasks(self) -> list[SimTask[Any]]:
        """Unfinished tasks in order of creation."""
        return [task for kept in self._tasks_kept if (task := kept()) is not None and not task.done()]

    def _keep(self, task: SimTask[Any]) -> None:
        """Remember it as long as it lives. `asyncio.all_tasks` looks through those of all threads, whatever they do."""
        if len(self._tasks_kept) >= self._tasks_kept_max:
            self._tasks_kept = [weakref.ref(each) for each in self._tasks()]
            self._tasks_kept_max = max(_TASKS_KEPT_MIN, 2 * len(self._tasks_kept))
        self._tasks_kept.append(weakref.ref(task))

    def close_tasks_of(self, process: Process) -> None:
        """Close every suspended coroutine of a dead process, in order of creation."""
        self._close_tasks([task for task in self._tasks() if task.process is process])

    def _close_tasks(self, tasks: Sequence[SimTask[Any]]) -> None:
        for task in tasks:
            _forget_pending(task)
        for task in tasks:
            coroutine = cast(Coroutine[Any, Any, Any], task.get_coro())
            try:
                context = task.process.context() if task.process is not None else contextvars.Context()
                context.run(coroutine.close)  # inside its process, so that what it still schedules is dropped
            except BaseException:  # what a dead program raises concerns nobody
                continue

    def waiting_tasks(self) -> str:
        """One line for each unfinished task: its process, its name, and where it waits."""
        lines = []
        for task in self._tasks():
            stack = task.get_stack(limit=1)
            where = f"{stack[0].f_code.co_filename}:{stack[0].f_lineno}" if stack else "not started"
            process = f"{task.process.name}: " if task.process is not None else ""
            lines.append(f"  {process}{task.get_name()} {_describe(task.get_coro())} at {where}")
        return "\n".join(lines) or "  (no task)"

    # ---- executor and names

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        """Runs `func` in place, 10 to 200 virtual microseconds from now."""
        future: asyncio.Future[T] = self.create_future()

        def work() -> None:
            if future.cancelled():
                return
            try:
                result = func(*args)
            except (SystemExit, KeyboardInterrupt):
                raise
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(result)

        self.call_at_ns(self.now_ns + self._random.randint(10_000, 200_000), work)
        return future

    def set_default_executor(self, executor: Any) -> None:
        """Ignored: there are no threads."""

    def _network(self) -> SimNetwork:
        if self.network is None:
            raise RuntimeError("this loop has no network")
        return self.network

    async def getaddrinfo(
        self, host: Any, port: Any, *, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
    ) -> list[tuple[Any, ...]]:
        return self._network().getaddrinfo(host, port)

    async def create_server(self, protocol_factory: Any, host: Any = None, port: Any = None, **options: Any) -> Any:
        return await self._network().create_server(protocol_factory, host, port, **options)

    async def create_connection(self, protocol_factory: Any, host: Any = None, port: Any = None, **options: Any) -> Any:
        return await self._network().create_connection(protocol_factory, host, port, **options)

    # ---- failures

    def set_exception_handler(
        self, handler: Callable[[asyncio.AbstractEventLoop, dict[str, Any]], object] | None
    ) -> None:
        self._exception_handler = handler

    def get_exception_handler(self) -> Any:
        return self._exception_handler

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        """Fails the run, unless it comes from a dead process."""
        source = context.get("task") or context.get("future")
        process = getattr(source, "process", None) or CURRENT.get()
        if process is not None and process.state is ProcessState.DEAD:
            return
        error = context.get("exception")
        if self._failure is None:
            where = f"{process.name}: " if process is not None else ""
            what = repr(error) if error is not None else _describe(source)
            if isinstance(source, SimTask):
                what = f"{what} in {source.get_name()} ({_describe(source.get_coro())})"
            self._failure = UnhandledError(f"{where}{context.get('message')}: {what}")
            self._failure.__cause__ = error

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        if self._exception_handler is not None:
            self._exception_handler(self, context)
        else:
            self.default_exception_handler(context)

    def get_debug(self) -> bool:
        return False

    def set_debug(self, enabled: bool) -> None:
        """Ignored: asyncio's debug mode measures wall time."""


def seconds_to_ns(seconds: float) -> int:
    """Whole nanoseconds, rounded up."""
    if seconds <= 0:
        return 0
    nanoseconds = seconds * 1e9
    whole = int(nanoseconds)
    return whole if whole == nanoseconds else whole + 1


def _forget_pending(task: SimTask[Any]) -> None:
    """No complaint when the task is destroyed unfinished."""
    task._log_destroy_pending = False  # type: ignore[attr-defined]


def _nothing(*_arguments: object) -> None:
    return None


def _describe(thing: object) -> str:
    """A name without an address in it."""
    owner = getattr(thing, "__self__", None)
    name = getattr(thing, "__qualname__", None) or type(thing).__name__
    if isinstance(owner, SimTask):
        return f"{name} of {owner.get_name()} ({_describe(owner.get_coro())})"
    return name
