"""Who waits for which offset to be committed."""

import asyncio
import bisect

from engine.errors import KafkaError


class CommitWaiters:
    """Futures by offset. Those of one offset are completed in the order in which they came."""

    def __init__(self) -> None:
        self._waiters: list[tuple[int, int, asyncio.Future[None]]] = []
        self._sequence = 0

    def add(self, offset: int) -> asyncio.Future[None]:
        """A future that is done once the record at `offset` is committed."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sequence += 1
        bisect.insort(self._waiters, (offset, self._sequence, future))
        return future

    def complete(self, end_offset: int) -> None:
        """Everything before `end_offset` is committed."""
        count = 0
        for offset, _, future in self._waiters:
            if offset >= end_offset:
                break
            count += 1
            if not future.done():
                future.set_result(None)
        del self._waiters[:count]

    def fail(self, error: KafkaError) -> None:
        """Nobody knows any more whether what they wait for will be committed."""
        waiters, self._waiters = self._waiters, []
        for _, _, future in waiters:
            if not future.done():
                future.set_exception(error)
