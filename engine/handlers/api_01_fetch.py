"""Fetch (key 1), v4-18, on the brokers' listeners.

Reads records for consumers (below the high watermark or, read_committed, the last stable offset) and for followers (up
to the log end, which acknowledges everything before the offset asked for). Waits up to `max_wait_ms` for `min_bytes`.
- v5: log start offset of the follower and of the partition   v7: fetch sessions (KIP-227)
- v9: current leader epoch, fenced (KIP-320)   v11: rack id and preferred read replica (KIP-392)
- v12: flexible; last fetched epoch and diverging epoch (KIP-595)   v13: topics by id (KIP-516)
- v15: replica state with the broker epoch (KIP-903)   v16: node endpoints with leader hints (KIP-951)
- v17: directory id   v18: high watermark of the replica (meant for the quorum; a broker does not need it)
Kafka: KafkaApis.handleFetchRequest, ReplicaManager.fetchMessages, FetchSession.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from engine.broker.fetch_purgatory import Evaluation, FetchParameters, WaitingFetch
from engine.broker.fetch_session import FINAL_EPOCH, INITIAL_EPOCH, NO_SESSION, FetchedPartition, Fetches
from engine.handlers.registry import handles
from engine.net.server import Pending
from engine.protocol.api import ApiKey
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import FetchRequest, FetchResponse
from engine.protocol.uuids import ZERO_UUID

if TYPE_CHECKING:
    from engine.broker.broker import Broker
    from engine.net.context import RequestContext


@handles(ApiKey.FETCH, versions=(4, 18), keeps_body=False)
def handle(broker: Broker, context: RequestContext, request: FetchRequest) -> FetchResponse | Pending:
    version = context.api_version
    uses_topic_ids = version >= 13
    if version >= 15:
        replica_id, replica_epoch = request.replica_state.replica_id, request.replica_state.replica_epoch
    else:
        replica_id, replica_epoch = request.replica_id, -1
    now_ms = broker.replicas.monotonic_ms()
    sessions = broker.fetch_sessions

    session_id, session_epoch = request.session_id, request.session_epoch
    incremental = False
    if version < 7 or session_epoch in (FINAL_EPOCH, INITIAL_EPOCH):
        if session_id != NO_SESSION and version >= 7:
            sessions.close(session_id)
        if session_epoch == INITIAL_EPOCH and version >= 7:
            partition_count = sum(len(topic.partitions) for topic in request.topics)
            fetches = sessions.create(replica_id >= 0, uses_topic_ids, partition_count, now_ms)
        else:
            fetches = Fetches(NO_SESSION, replica_id >= 0, uses_topic_ids, now_ms)
    else:
        found = sessions.resolve(session_id, session_epoch, uses_topic_ids, now_ms)
        if isinstance(found, ErrorCode):
            return FetchResponse(error_code=int(found))
        fetches = found
        incremental = True
        if fetches.waiting is not None:  # a follower that wants to name more partitions, or a client that gave up
            fetches.waiting.answer_now()
        for forgotten in request.forgotten_topics_data:
            for index in forgotten.partitions:
                fetches.remove((forgotten.topic_id, forgotten.topic, index))
    fetches.on_fetch(replica_epoch, now_ms)
    _update(fetches, request)

    parameters = FetchParameters(
        version=version,
        replica_id=replica_id,
        replica_epoch=replica_epoch,
        max_wait_ms=request.max_wait_ms,
        min_bytes=request.min_bytes,
        max_bytes=min(request.max_bytes, broker.fetch_max_bytes),
        read_committed=request.isolation_level == 1,
        rack_id=request.rack_id,
        uses_topic_ids=uses_topic_ids,
    )
    candidates = list(fetches.dirty) if incremental else list(fetches.partitions.values())
    evaluation = broker.fetch_answerer.evaluate(candidates, parameters, incremental)
    if (
        evaluation.urgent
        or evaluation.bytes_total >= parameters.min_bytes
        or parameters.max_wait_ms <= 0
        or not fetches.partitions
        or (not incremental and fetches.session_id != NO_SESSION and not evaluation.bytes_total and fetches.is_follower)
    ):
        return _respond(broker, context, fetches, evaluation)

    pending = Pending()
    evaluate = partial(_reevaluate, broker, context, fetches, parameters, incremental, pending)
    waiting = WaitingFetch(fetches, evaluate, partial(broker.timeouts.after, parameters.max_wait_ms))
    pending.on_abandon = waiting.finish
    return pending


def _update(fetches: Fetches, request: FetchRequest) -> None:
    """Take over what the request says of its partitions."""
    partitions = fetches.partitions
    dirty = fetches.dirty
    for topic in request.topics:
        topic_id, name = topic.topic_id, topic.topic
        for asked in topic.partitions:
            key = (topic_id, name, asked.partition)
            each = partitions.get(key)
            if each is None:
                each = partitions[key] = FetchedPartition(fetches, topic_id, name, asked.partition)
            each.fetch_offset = asked.fetch_offset
            each.max_bytes = asked.partition_max_bytes
            each.current_leader_epoch = asked.current_leader_epoch
            each.last_fetched_epoch = asked.last_fetched_epoch
            each.log_start_offset = asked.log_start_offset
            each.acknowledged = False
            dirty[each] = None


def _reevaluate(
    broker: Broker,
    context: RequestContext,
    fetches: Fetches,
    parameters: FetchParameters,
    incremental: bool,
    pending: Pending,
    timed_out: bool,
) -> bool:
    candidates = list(fetches.dirty) if incremental else list(fetches.partitions.values())
    evaluation = broker.fetch_answerer.evaluate(candidates, parameters, incremental)
    if not timed_out and not evaluation.urgent and evaluation.bytes_total < parameters.min_bytes:
        return False
    pending.complete(_respond(broker, context, fetches, evaluation))
    return True


def _respond(broker: Broker, context: RequestContext, fetches: Fetches, evaluation: Evaluation) -> FetchResponse:
    broker.fetch_answerer.settle(fetches, evaluation)
    responses: list[Any] = []
    current: Any = None
    topic_id: bytes = ZERO_UUID
    name = ""
    hints: dict[int, None] = {}
    for each, data in evaluation.answer:
        if current is None or each.topic_id != topic_id or each.topic != name:
            topic_id, name = each.topic_id, each.topic
            current = FetchResponse.FetchableTopicResponse(topic=name, topic_id=topic_id)
            responses.append(current)
        current.partitions.append(data)
        if data.current_leader.leader_id >= 0:
            hints[data.current_leader.leader_id] = None
    response = FetchResponse(session_id=fetches.session_id, responses=responses)
    if hints and context.api_version >= 16:
        response.node_endpoints = [
            FetchResponse.NodeEndpoint(node_id=node_id, host=endpoint.host, port=endpoint.port, rack=rack)
            for node_id, endpoint, rack in broker.leader_hints(hints, context.listener)
        ]
    return response
