"""What a broker checks before it forwards config changes (Kafka: ConfigAdminManager.preprocess)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine.errors import KafkaError
from engine.metadata.image import CLUSTER_DEFAULT, RESOURCE_BROKER, RESOURCE_BROKER_LOGGER
from engine.protocol.errors import ErrorCode


def check_for_this_broker(node_id: int, resources: Sequence[Any]) -> dict[int, KafkaError]:
    """Index of each resource that must not be forwarded -> why.

    Configs of one broker are to be sent to that broker. Log levels would be changed right here, which this engine does
    not do. A resource that is named twice fails both times.
    """
    refused: dict[int, KafkaError] = {}
    first: dict[tuple[int, str], int] = {}
    for index, resource in enumerate(resources):
        key = (resource.resource_type, resource.resource_name)
        if key in first:
            error = KafkaError(ErrorCode.INVALID_REQUEST, "Each resource must appear at most once.")
            refused[first[key]] = refused[index] = error
            continue
        first[key] = index
        try:
            _check(node_id, resource.resource_type, resource.resource_name)
        except KafkaError as error:
            refused[index] = error
    return refused


def _check(node_id: int, resource_type: int, name: str) -> None:
    if resource_type == RESOURCE_BROKER_LOGGER:
        raise KafkaError(ErrorCode.INVALID_REQUEST, "The log levels of a broker cannot be changed by request.")
    if resource_type != RESOURCE_BROKER or name == CLUSTER_DEFAULT:
        return
    try:
        wanted = int(name)
    except ValueError:
        raise KafkaError(ErrorCode.INVALID_REQUEST, f"Node id must be an integer, but it is: {name}") from None
    if wanted != node_id:
        raise KafkaError(ErrorCode.INVALID_REQUEST, f"Unexpected broker id, expected {node_id}, but received {name}")
