"""How many requests a listener has answered, how large they were and how long they took, by kind of request.

The kinds are those of Kafka's `kafka.network:type=RequestMetrics`: the API's name, and of Fetch `FetchConsumer` and
`FetchFollower`. The time is Kafka's TotalTimeMs: from the whole request being there until its answer is handed on, with
what it waited for (other replicas, more records, earlier answers). Requests that are never answered, because they close
the connection or their peer went away, are in no figure.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from typing import Any

import msgspec

from engine.protocol.api import ApiKey

TIME_BOUNDS_S = (
    0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0,
)  # fmt: skip
"""Upper bounds of the classes of times, inclusive; one more class has what took longer."""

_FIRST_BOUND_S = TIME_BOUNDS_S[0]
_FETCH = int(ApiKey.FETCH)
_FETCH_VERSION_WITH_REPLICA_STATE = 15


class RequestFigure(msgspec.Struct, frozen=True):
    """One kind of request, since the listener began to serve."""

    request: str
    """As Kafka's metrics name it: Produce, FetchConsumer, FetchFollower, Metadata, ..."""
    count: int
    request_bytes: int
    """Of whole frames, without the size in front."""
    response_bytes: int
    """Of whole frames, with the size in front."""
    seconds: float
    """All their times together; 0 where nothing is timed."""
    times: tuple[int, ...]
    """How many took at most each of `TIME_BOUNDS_S` (and more than the bound before), and how many longer."""


class RequestCounter:
    """Counts one kind of request. A plain object, for this is on every request's way: 0.1 us."""

    __slots__ = ("count", "request", "request_bytes", "response_bytes", "seconds", "times")

    def __init__(self, request: str) -> None:
        self.request = request
        self.count = self.request_bytes = self.response_bytes = 0
        self.seconds = 0.0
        self.times = [0] * (len(TIME_BOUNDS_S) + 1)

    def add(self, request_bytes: int, response_bytes: int, seconds: float) -> None:
        """One more was answered."""
        self.count += 1
        self.request_bytes += request_bytes
        self.response_bytes += response_bytes
        self.seconds += seconds
        self.times[0 if seconds <= _FIRST_BOUND_S else bisect_left(TIME_BOUNDS_S, seconds)] += 1

    def figure(self) -> RequestFigure:
        """How it stands."""
        return RequestFigure(
            self.request, self.count, self.request_bytes, self.response_bytes, self.seconds, tuple(self.times)
        )


class RequestCounters:
    """The counters of one listener."""

    def __init__(self) -> None:
        self.produce = RequestCounter("Produce")
        self._fetch_consumer = RequestCounter("FetchConsumer")
        self._fetch_follower = RequestCounter("FetchFollower")
        self._by_key: dict[int, RequestCounter] = {int(ApiKey.PRODUCE): self.produce}

    def of(self, api_key: int, version: int, request: Any) -> RequestCounter:
        """Where a request belongs. `request` is its message."""
        if api_key == _FETCH:
            if version >= _FETCH_VERSION_WITH_REPLICA_STATE:
                is_follower = request.replica_state.replica_id >= 0
            else:
                is_follower = request.replica_id >= 0
            return self._fetch_follower if is_follower else self._fetch_consumer
        counter = self._by_key.get(api_key)
        if counter is None:
            counter = self._by_key[api_key] = RequestCounter(request_name(ApiKey(api_key)))
        return counter

    def figures(self) -> list[RequestFigure]:
        """Of the kinds of which there was at least one."""
        counters = (*self._by_key.values(), self._fetch_consumer, self._fetch_follower)
        return [each.figure() for each in counters if each.count]


def request_name(api_key: ApiKey) -> str:
    """As Kafka writes it: ListOffsets."""
    return "".join(word.capitalize() for word in api_key.name.split("_"))


def summed(figures: Iterable[RequestFigure]) -> list[RequestFigure]:
    """One for each kind, by name: those of several listeners together."""
    sums: dict[str, RequestFigure] = {}
    for each in figures:
        known = sums.get(each.request)
        sums[each.request] = (
            each
            if known is None
            else RequestFigure(
                each.request,
                known.count + each.count,
                known.request_bytes + each.request_bytes,
                known.response_bytes + each.response_bytes,
                known.seconds + each.seconds,
                tuple(a + b for a, b in zip(known.times, each.times, strict=True)),
            )
        )
    return [sums[name] for name in sorted(sums)]
