"""The wire alone: decoding and encoding messages as they come, against kio."""

import io
import time
import uuid
from functools import partial

from benching import Table, heading, ratio

SECONDS = 0.4


def microseconds(function):
    """The best of five goes, which take `SECONDS` together."""
    count = 1
    while (elapsed := cpu_seconds(function, count)) < SECONDS / 50:
        count *= 4
    count = max(1, int(count * SECONDS / 5 / elapsed))
    return 1e6 * min(cpu_seconds(function, count) for _ in range(5)) / count


def cpu_seconds(function, count):
    start = time.process_time()
    for _ in range(count):
        function()
    return time.process_time() - start


def examples():
    """(what, message, version, kio's class of the same)."""
    from kio.schema.fetch.v13.request import FetchRequest as KioFetchRequest
    from kio.schema.heartbeat.v4.request import HeartbeatRequest as KioHeartbeatRequest
    from kio.schema.metadata.v12.response import MetadataResponse as KioMetadataResponse
    from kio.schema.offset_commit.v8.request import OffsetCommitRequest as KioOffsetCommitRequest
    from kio.schema.produce.v9.request import ProduceRequest as KioProduceRequest

    from engine.protocol.messages import (
        FetchRequest,
        HeartbeatRequest,
        MetadataResponse,
        OffsetCommitRequest,
        ProduceRequest,
    )

    def produce(partitions, size):
        data = [ProduceRequest.PartitionProduceData(index=index, records=b"x" * size) for index in range(partitions)]
        topic = ProduceRequest.TopicProduceData(name="orders", partition_data=data)
        return ProduceRequest(acks=-1, timeout_ms=30_000, topic_data=[topic])

    topics = [
        FetchRequest.FetchTopic(
            topic_id=uuid.UUID(int=number + 1).bytes,
            partitions=[
                FetchRequest.FetchPartition(
                    partition=index, current_leader_epoch=3, fetch_offset=1_000 * index, last_fetched_epoch=3,
                    log_start_offset=0, partition_max_bytes=1 << 20,
                )
                for index in range(10)
            ],
        )
        for number in range(10)
    ]  # fmt: skip
    fetch = FetchRequest(max_wait_ms=500, min_bytes=1, max_bytes=1 << 24, session_id=1, session_epoch=0, topics=topics)
    brokers = [
        MetadataResponse.MetadataResponseBroker(node_id=node_id, host="127.0.0.1", port=9092 + node_id)
        for node_id in (1, 2, 3)
    ]
    listed = [
        MetadataResponse.MetadataResponseTopic(
            name=f"topic-{number}",
            topic_id=uuid.UUID(int=number + 1).bytes,
            partitions=[
                MetadataResponse.MetadataResponsePartition(
                    partition_index=index, leader_id=1, leader_epoch=3, replica_nodes=[1, 2, 3], isr_nodes=[1, 2, 3]
                )
                for index in range(10)
            ],
        )
        for number in range(100)
    ]
    metadata = MetadataResponse(brokers=brokers, cluster_id="MkU3OEVBNTcwNTJENDM2Qg", controller_id=1, topics=listed)
    committed = [
        OffsetCommitRequest.OffsetCommitRequestPartition(
            partition_index=index, committed_offset=1_000, committed_leader_epoch=3, committed_metadata=""
        )
        for index in range(10)
    ]
    commit = OffsetCommitRequest(
        group_id="g", generation_id_or_member_epoch=3, member_id="m" * 40,
        topics=[OffsetCommitRequest.OffsetCommitRequestTopic(name="orders", partitions=committed)],
    )  # fmt: skip
    beat = HeartbeatRequest(group_id="g", generation_id=3, member_id="m" * 40)
    return [
        ("Produce v9 request, 1 partition of 200 B", produce(1, 200), 9, KioProduceRequest),
        ("Produce v9 request, 10 partitions of 16 KiB", produce(10, 1 << 14), 9, KioProduceRequest),
        ("Fetch v13 request, 100 partitions", fetch, 13, KioFetchRequest),
        ("Metadata v12 response, 1,000 partitions", metadata, 12, KioMetadataResponse),
        ("OffsetCommit v8 request, 10 partitions", commit, 8, KioOffsetCommitRequest),
        ("Heartbeat v4 request", beat, 4, KioHeartbeatRequest),
    ]


def main():
    heading("The wire: µs of CPU per message")
    try:
        from kio.serial import entity_reader, entity_writer
    except ImportError:
        print("(left out: kio is not installed)")
        return
    table = Table("", "bytes", "decode", "kio's", "times faster", "encode", "kio's", "times faster")
    for what, message, version, kio_class in examples():
        wire = bytes(message.encode(version))
        reader, writer = entity_reader(kio_class), entity_writer(kio_class)
        theirs, _ = reader(wire, 0)
        buffer = io.BytesIO()
        writer(buffer, theirs)
        assert buffer.getvalue() == wire, what
        decode = microseconds(partial(type(message).decode, wire, version))
        kio_decode = microseconds(partial(reader, wire, 0))
        encode = microseconds(partial(message.encode, version))
        kio_encode = microseconds(partial(write, writer, theirs))
        table.row(
            what,
            len(wire),
            decode,
            kio_decode,
            ratio(kio_decode, decode),
            encode,
            kio_encode,
            ratio(kio_encode, encode),
        )


def write(writer, entity):
    writer(io.BytesIO(), entity)


if __name__ == "__main__":
    main()
