"""Unmodified aiokafka in virtual time.

No line of aiokafka is changed: the names its modules look up at run time are bound anew for the length of a `with`
block.

- `time`, `random`, `uuid` become the loop's time and a seeded generator.
- `DefaultRecordBatchBuilder`: the C implementation asks the machine's clock for a record without a timestamp; a
  subclass gives it the loop's time instead.
- `list` in `aiokafka.client`: a set of topic names is sent to brokers as a list, in the order of string hashes; sorted.
- `TopicPartition` and `BrokerMetadata` are put into sets and iterated; they get a hash that does not depend on
  PYTHONHASHSEED.

Clients with threads or in C (kafka-python, confluent-kafka) cannot run in virtual time.
"""

from __future__ import annotations

import builtins
import importlib
import random
import sys
import time
import uuid
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from types import ModuleType
from typing import Any

from engine.sim.clock import EPOCH_MS
from engine.sim.loop import SimLoop

_MODULES = (
    "aiokafka.client",
    "aiokafka.cluster",
    "aiokafka.conn",
    "aiokafka.consumer.consumer",
    "aiokafka.consumer.fetcher",
    "aiokafka.consumer.group_coordinator",
    "aiokafka.producer.message_accumulator",
    "aiokafka.producer.producer",
    "aiokafka.producer.sender",
)


class _Time:
    """Stands in for the module `time`."""

    def __init__(self, loop: SimLoop) -> None:
        self._loop = loop

    def monotonic(self) -> float:
        return self._loop.time()

    perf_counter = monotonic

    def time(self) -> float:
        return EPOCH_MS / 1000 + self._loop.time()

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"aiokafka asked for time.{name}, which the laboratory does not offer yet")


class _Uuid:
    """Stands in for the module `uuid`."""

    def __init__(self, source: random.Random) -> None:
        self._source = source

    def uuid4(self) -> uuid.UUID:
        return uuid.UUID(bytes=self._source.randbytes(16), version=4)


def _sorted_list(items: Iterable[Any] = ()) -> list[Any]:
    return sorted(items) if isinstance(items, set | frozenset) else builtins.list(items)


def _stable_hash(self: tuple[Any, ...]) -> int:
    return zlib.crc32("\0".join(map(str, self)).encode())


@contextmanager
def aiokafka_in(loop: SimLoop, source: random.Random) -> Iterator[None]:
    """Inside the block aiokafka lives in the time of `loop` and draws from `source`. One world at a time.

    Create, use and close the clients inside the block. Needs aiokafka; raises ImportError without it.
    """
    for name in _MODULES:
        importlib.import_module(name)
    from aiokafka.record.default_records import DefaultRecordBatchBuilder
    from aiokafka.structs import BrokerMetadata, TopicPartition

    virtual_time = _Time(loop)

    class VirtualTimeBuilder(DefaultRecordBatchBuilder):  # type: ignore[misc]
        """The builder, with the loop's time for records that bring none."""

        def append(self, offset: int, timestamp: int | None, key: Any, value: Any, headers: Any) -> Any:
            if timestamp is None:
                timestamp = int(virtual_time.time() * 1000)
            return super().append(offset, timestamp, key, value, headers)

    stand_ins: dict[int, Any] = {
        id(time): virtual_time,
        id(random): source,
        id(uuid): _Uuid(source),
        id(DefaultRecordBatchBuilder): VirtualTimeBuilder,
    }
    names = ("time", "random", "uuid", "DefaultRecordBatchBuilder")
    with ExitStack() as undo:
        for module in _aiokafka_modules():
            for name in names:
                stand_in = stand_ins.get(id(vars(module).get(name)))
                if stand_in is not None and not module.__name__.startswith("aiokafka.record"):
                    undo.callback(setattr, module, name, vars(module)[name])
                    setattr(module, name, stand_in)
        client = sys.modules["aiokafka.client"]
        client.list = _sorted_list  # type: ignore[attr-defined]
        undo.callback(delattr, client, "list")
        for kind in (TopicPartition, BrokerMetadata):
            undo.callback(setattr, kind, "__hash__", kind.__hash__)
            kind.__hash__ = _stable_hash
        yield


def _aiokafka_modules() -> list[ModuleType]:
    return [module for name, module in sorted(sys.modules.items()) if name.split(".")[0] == "aiokafka" and module]
