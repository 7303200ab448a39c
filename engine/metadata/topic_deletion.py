"""Topics are deleted, by name or by id (Kafka: ControllerApis.deleteTopics, KIP-516)."""

from __future__ import annotations

from engine.errors import KafkaError
from engine.metadata.decision import NO_ERROR, ApiError, Decision, check_record_count
from engine.metadata.image import MetadataImage, TopicImage
from engine.metadata.settings import ControllerSettings
from engine.protocol.errors import ErrorCode
from engine.protocol.message import Message
from engine.protocol.messages import DeleteTopicsRequest, DeleteTopicsResponse, RemoveTopicRecord
from engine.protocol.uuids import ZERO_UUID


def delete_topics(
    image: MetadataImage, settings: ControllerSettings, request: DeleteTopicsRequest, api_version: int
) -> Decision[DeleteTopicsResponse]:
    """DeleteTopics by name or (from version 6) by id; duplicates and contradictions are errors of their own.

    Raises KafkaError when delete.topic.enable is off (Kafka: ControllerApis.deleteTopics).
    """
    if not settings.delete_topic_enable:
        code = ErrorCode.INVALID_REQUEST if api_version < 3 else ErrorCode.TOPIC_DELETION_DISABLED
        raise KafkaError(code, "Topic deletion is disabled.")
    responses: list[DeleteTopicsResponse.DeletableTopicResult] = []

    def answer(name: str | None, topic_id: bytes, error: ApiError) -> None:
        responses.append(
            DeleteTopicsResponse.DeletableTopicResult(
                name=name, topic_id=topic_id, error_code=error.code, error_message=error.message
            )
        )

    def invalid(name: str | None, topic_id: bytes, sentence: str) -> None:
        answer(name, topic_id, ApiError(ErrorCode.INVALID_REQUEST, sentence))

    names: dict[str, int] = {}
    ids: dict[bytes, int] = {}
    for name in request.topic_names:
        names[name] = names.get(name, 0) + 1
    for topic in request.topics:
        if topic.name is None and topic.topic_id == ZERO_UUID:
            invalid(None, ZERO_UUID, "Neither topic name nor id were specified.")
        elif topic.name is None:
            ids[topic.topic_id] = ids.get(topic.topic_id, 0) + 1
        elif topic.topic_id == ZERO_UUID:
            names[topic.name] = names.get(topic.name, 0) + 1
        else:
            invalid(topic.name, topic.topic_id, "You may not specify both topic name and topic id.")
    found: dict[bytes, TopicImage] = {}
    refused: dict[bytes, None] = {}
    for topic_id, count in ids.items():
        existing = image.topics_by_id.get(topic_id)
        if count > 1:
            refused[topic_id] = None
            invalid(None, topic_id, "Duplicate topic id.")
        elif existing is None:
            answer(None, topic_id, ApiError(ErrorCode.UNKNOWN_TOPIC_ID, ErrorCode.UNKNOWN_TOPIC_ID.text))
        else:
            found[topic_id] = existing
    for name, count in names.items():
        existing = image.topic(name)
        if count > 1:
            invalid(name, ZERO_UUID, "Duplicate topic name.")
        elif existing is None:
            code = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
            answer(name, ZERO_UUID, ApiError(code, code.text))
        elif existing.id in found or existing.id in refused:
            found.pop(existing.id, None)
            refused[existing.id] = None
            invalid(name, existing.id, "The provided topic name maps to an ID that was already supplied.")
        else:
            found[existing.id] = existing
    records: list[Message] = []
    for topic_id, existing in found.items():
        records.append(RemoveTopicRecord(topic_id=topic_id))
        answer(existing.name, topic_id, NO_ERROR)
    check_record_count(records)
    return Decision(records, DeleteTopicsResponse(responses=responses))
