"""Which broker coordinates a group or a transactional id, and requests that belong to it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from engine.errors import KafkaError
from engine.net.cluster_client import ClusterClient, Versioned
from engine.net.cluster_errors import BrokerUnreachable, UnsupportedByBroker
from engine.net.deadlines import Deadline
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import FindCoordinatorRequest

GROUP = 0
TRANSACTION = 1
"""Key types of FindCoordinator (Kafka: FindCoordinatorRequest.CoordinatorType)."""

MOVED = frozenset(
    {
        ErrorCode.NOT_COORDINATOR,
        ErrorCode.COORDINATOR_NOT_AVAILABLE,
        ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
    }
)
"""Answers after which the coordinator is looked for again."""


async def find_coordinators(
    client: ClusterClient, keys: Collection[str], *, key_type: int = GROUP
) -> tuple[dict[str, int], dict[str, ErrorCode]]:
    """Node id of the coordinator by key, and the error of each key that has none.

    All keys in one request where the broker knows FindCoordinator v4 (KIP-699), else one by one. Waits up to the
    client's `retry_timeout_ms` for a coordinator to come up: the first question may create its topic.
    """
    found = {key: node for key in keys if (node := client.coordinator_cache.get((key_type, key))) is not None}
    errors: dict[str, ErrorCode] = {}
    deadline = Deadline(client.retry_timeout_ms)
    pending = [key for key in dict.fromkeys(keys) if key not in found]
    tries = 0
    while pending:
        tries += 1
        again = []
        for key, code, node_id in await _ask(client, pending, key_type):
            error = ErrorCode.of(code)
            if error == ErrorCode.NONE:
                found[key] = client.coordinator_cache[key_type, key] = node_id
                errors.pop(key, None)
            else:
                errors[key] = error
                if error in MOVED:
                    again.append(key)
        pending = again
        if pending and not await client.backoff.wait(tries, client.randomness, deadline):
            break
    if any(node_id not in client.view.brokers for node_id in found.values()):
        await client.metadata()
    return found, errors


async def _ask(client: ClusterClient, keys: list[str], key_type: int) -> list[tuple[str, int, int]]:
    batched = FindCoordinatorRequest(key_type=key_type, coordinator_keys=keys)
    try:
        response = await client.request_to_any(Versioned(FindCoordinatorRequest, lambda _: batched, floor=4))
        return [(answer.key, answer.error_code, answer.node_id) for answer in response.coordinators]
    except UnsupportedByBroker:
        pass  # before Kafka 3.0: one by one
    answers = []
    for key in keys:
        single = Versioned(
            FindCoordinatorRequest,
            lambda version, key=key: FindCoordinatorRequest(key=key, key_type=key_type if version >= 1 else 0),  # type: ignore[misc]
            floor=0 if key_type == GROUP else 1,
            ceiling=3,
        )
        response = await client.request_to_any(single)
        answers.append((key, response.error_code, response.node_id))
    return answers


async def request_to_coordinator(
    client: ClusterClient,
    key: str,
    request: Any,
    *,
    error_of: Callable[[Any], int],
    key_type: int = GROUP,
    timeout_ms: int | None = None,
) -> Any:
    """Sends `request` to the coordinator of `key`, wherever it is by now, and returns its response.

    `error_of(response)` is the error code that tells whether the coordinator moved; any other error is the caller's.
    Raises KafkaError when there is no coordinator.
    """
    deadline = Deadline(client.retry_timeout_ms)
    tries = 0
    while True:
        tries += 1
        found, errors = await find_coordinators(client, [key], key_type=key_type)
        if key not in found:
            raise KafkaError(errors.get(key, ErrorCode.COORDINATOR_NOT_AVAILABLE))
        try:
            response = await client.request_to(found[key], request, timeout_ms=timeout_ms)
        except BrokerUnreachable as error:
            client.coordinator_cache.pop((key_type, key), None)
            if error.timed_out or not await client.backoff.wait(tries, client.randomness, deadline):
                raise
            continue
        if ErrorCode.of(error_of(response)) not in MOVED:
            return response
        client.coordinator_cache.pop((key_type, key), None)
        if not await client.backoff.wait(tries, client.randomness, deadline):
            return response
