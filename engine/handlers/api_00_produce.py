"""Produce (key 0), v3-13.

Appends one record batch per partition as the leader. acks=0: no answer; 1: after the local append; -1: once every
in-sync replica has it, or `timeout_ms` ran out (REQUEST_TIMED_OUT; the records may still be committed later).
- Brokers advertise v0 although v0-2 are refused, or librdkafka would not compress (KAFKA-18659).
- v5: log start offset   v8: record errors (KIP-467)   v9: flexible   v10: leader hints (KIP-951)
- v11, v12: transactions version 2 (KIP-890); batches of transactions are refused until transactions exist
- v13: topics by id (KIP-516)
acks=0 with an error closes the connection, as Kafka does, so that the client refreshes its metadata.
Requests of one partition, in their usual form and without an error, are answered by `produce_direct`.
Kafka: KafkaApis.handleProduceRequest, ReplicaManager.appendRecords, DelayedProduce.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from engine.errors import KafkaError
from engine.handlers.produce_direct import produce_directly
from engine.handlers.registry import handles
from engine.log import AppendOrigin
from engine.net.server import Pending
from engine.protocol.api import ApiKey
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import ProduceRequest, ProduceResponse

if TYPE_CHECKING:
    from engine.broker.broker import Broker
    from engine.broker.delayed import TimeoutTicket
    from engine.broker.partition import Partition
    from engine.net.context import RequestContext

PartitionProduceResponse = ProduceResponse.PartitionProduceResponse
TopicProduceResponse = ProduceResponse.TopicProduceResponse
_CLIENT = AppendOrigin.CLIENT


@handles(ApiKey.PRODUCE, versions=(3, 13), advertised_min_version=0, keeps_body=False, direct=produce_directly)
def handle(broker: Broker, context: RequestContext, request: ProduceRequest) -> ProduceResponse | Pending | None:
    acks = request.acks
    response = ProduceResponse()
    if acks not in (0, 1, -1):
        code = int(ErrorCode.INVALID_REQUIRED_ACKS)
        for topic in request.topic_data:
            rows = [
                PartitionProduceResponse(index=each.index, error_code=code, base_offset=-1)
                for each in topic.partition_data
            ]
            response.responses.append(
                TopicProduceResponse(name=topic.name, topic_id=topic.topic_id, partition_responses=rows)
            )
        return response
    replicas = broker.replicas
    partitions = replicas.partitions
    by_id = context.api_version >= 13
    waits: list[tuple[Partition, int, Any]] = []
    flushes: list[tuple[Partition, Any]] = []
    hints: dict[int, None] | None = None
    failed = False
    for topic in request.topic_data:
        name = topic.name
        if by_id:
            known = replicas.topic_name(topic.topic_id)
            name = "" if known is None else known
        rows = []
        for each in topic.partition_data:
            row = PartitionProduceResponse(index=each.index)
            rows.append(row)
            partition = partitions.get((name, each.index))  # type: ignore[call-overload]
            try:
                if partition is None:
                    raise KafkaError(
                        ErrorCode.UNKNOWN_TOPIC_ID if by_id and not name else replicas.missing_code(name, each.index)
                    )
                info = partition.append(each.records, acks, _CLIENT)
            except KafkaError as error:
                failed = True
                row.error_code = int(error.code)
                row.error_message = error.message
                row.base_offset = -1
                if error.code is ErrorCode.NOT_LEADER_OR_FOLLOWER and partition is not None:
                    row.current_leader.leader_id = partition.leader_id
                    row.current_leader.leader_epoch = partition.leader_epoch
                    hints = hints or {}
                    hints[partition.leader_id] = None
                continue
            row.base_offset = info.first_offset
            row.log_append_time_ms = info.log_append_time_ms
            row.log_start_offset = info.log_start_offset
            if acks == -1:
                end_offset = info.last_offset + 1
                if partition.is_replicated(end_offset):
                    row.error_code = int(partition.replicated_code)
                else:
                    waits.append((partition, end_offset, row))
            if info.flush_due:
                flushes.append((partition, row))
        response.responses.append(TopicProduceResponse(name=name, topic_id=topic.topic_id, partition_responses=rows))
    if acks == 0:
        if failed:
            raise KafkaError(ErrorCode.NONE, "acks=0 produce failed")
        return None
    if hints and context.api_version >= 10:
        response.node_endpoints = [
            ProduceResponse.NodeEndpoint(node_id=node_id, host=endpoint.host, port=endpoint.port, rack=rack)
            for node_id, endpoint, rack in broker.leader_hints(hints, context.listener)
        ]
    if not waits and not flushes:
        return response
    waiting = WaitingProduce(response)
    waiting.wait_for(waits)
    if flushes:
        waiting.wait_for_flushes(flushes)
    if not waiting.left:
        return response
    waiting.start(broker, request.timeout_ms)
    return waiting


class WaitingRow:
    """One partition's row of a waiting produce (`engine.broker.partition.ProduceWaiter`)."""

    __slots__ = ("done", "partition", "produce", "row")

    def __init__(self, produce: WaitingProduce, partition: Partition, row: Any) -> None:
        self.produce = produce
        self.partition = partition
        self.row = row
        self.done = False

    def on_replicated(self, partition: Partition) -> None:
        self._settle(partition.replicated_code)

    def on_lost(self, partition: Partition, code: ErrorCode) -> None:
        self._settle(code)

    def _settle(self, code: ErrorCode) -> None:
        self.done = True
        if code is not ErrorCode.NONE:
            self.row.error_code = int(code)
            if code is not ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND:
                self.row.base_offset = -1
        self.produce.one_done()


class WaitingProduce(Pending):
    """An acks=all produce of which some partitions are not replicated yet (Kafka: DelayedProduce)."""

    __slots__ = ("_flushes", "_response", "_rows", "_ticket", "left")

    def __init__(self, response: ProduceResponse) -> None:
        super().__init__()
        self._response = response
        self.left = 0
        self._rows: list[WaitingRow] = []
        self._ticket: TimeoutTicket | None = None
        self._flushes: list[asyncio.Task[None]] = []

    def wait_for(self, waits: list[tuple[Partition, int, Any]]) -> None:
        """Wait until each partition's high watermark has reached the offset."""
        for partition, offset, row in waits:
            waiter = WaitingRow(self, partition, row)
            if partition.when_replicated(offset, waiter):
                row.error_code = int(partition.replicated_code)
            else:
                self._rows.append(waiter)
                self.left += 1

    def wait_for_flushes(self, flushes: list[tuple[Partition, Any]]) -> None:
        """flush.messages is reached: nobody is told before the records are on disk."""
        for partition, row in flushes:
            self.left += 1
            self._flushes.append(asyncio.get_running_loop().create_task(self._flush(partition, row)))

    async def _flush(self, partition: Partition, row: Any) -> None:
        try:
            if partition.log is not None:
                await partition.log.flush()
        except KafkaError as error:
            row.error_code = int(error.code)
            row.base_offset = -1
        self.one_done()

    def start(self, broker: Broker, timeout_ms: int) -> None:
        """Begin to wait, for at most `timeout_ms`."""
        self._ticket = broker.timeouts.after(timeout_ms, self._timed_out)
        self.on_abandon = self._abandon

    def one_done(self) -> None:
        """One of what is waited for has come."""
        self.left -= 1
        if self.left == 0 and self._ticket is not None:
            self._ticket.cancel()
            self.complete(self._response)

    def _timed_out(self) -> None:
        self._forget(ErrorCode.REQUEST_TIMED_OUT)
        self.complete(self._response)

    def _abandon(self) -> None:
        if self._ticket is not None:
            self._ticket.cancel()
        self._forget(ErrorCode.REQUEST_TIMED_OUT)

    def _forget(self, code: ErrorCode) -> None:
        for waiter in self._rows:
            if not waiter.done:
                waiter.partition.forget_waiter(waiter)
                waiter.row.error_code = int(code)
                waiter.row.base_offset = -1
