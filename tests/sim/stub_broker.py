"""One broker with no disk and no peers: just enough of Kafka for a client to produce to and read from.

For tests of the laboratory itself, so that they do not depend on the engine being right.
"""

import asyncio
import struct
from collections import defaultdict

from engine.protocol.api import ApiKey
from engine.protocol.headers import decode_request_header, encode_response
from engine.protocol.messages import (
    ApiVersionsResponse,
    FetchRequest,
    FetchResponse,
    InitProducerIdResponse,
    ListOffsetsRequest,
    ListOffsetsResponse,
    MetadataRequest,
    MetadataResponse,
    ProduceRequest,
    ProduceResponse,
)

PARTITIONS = 3
VERSIONS = {
    ApiKey.PRODUCE: (3, 7),
    ApiKey.FETCH: (4, 4),
    ApiKey.LIST_OFFSETS: (1, 3),
    ApiKey.METADATA: (1, 5),
    ApiKey.API_VERSIONS: (0, 2),
    ApiKey.INIT_PRODUCER_ID: (0, 1),
}


class StubBroker:
    def __init__(self, host, port=9092):
        self.host = host
        self.port = port
        self.logs = defaultdict(bytearray)  # (topic, partition) -> batches
        self.ends = defaultdict(int)
        self.appended = asyncio.Event()
        self.producer_ids = 1000

    async def start(self):
        return await asyncio.start_server(self.serve, self.host, self.port)

    async def serve(self, reader, writer):
        try:
            while True:
                (size,) = struct.unpack(">i", await reader.readexactly(4))
                frame = await reader.readexactly(size)
                header, position = decode_request_header(frame)
                response = await self.answer(header.api_key, header.api_version, frame[position:])
                writer.writelines(encode_response(header.api_key, header.api_version, header.correlation_id, response))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def answer(self, api_key, version, body):
        match api_key:
            case ApiKey.API_VERSIONS:
                keys = [ApiVersionsResponse.ApiVersion(int(key), *span) for key, span in VERSIONS.items()]
                return ApiVersionsResponse(api_keys=keys)
            case ApiKey.METADATA:
                return self.metadata(MetadataRequest.decode(body, version))
            case ApiKey.INIT_PRODUCER_ID:
                self.producer_ids += 1
                return InitProducerIdResponse(producer_id=self.producer_ids, producer_epoch=0)
            case ApiKey.PRODUCE:
                return self.produce(ProduceRequest.decode(body, version))
            case ApiKey.LIST_OFFSETS:
                return self.list_offsets(ListOffsetsRequest.decode(body, version))
            case ApiKey.FETCH:
                return await self.fetch(FetchRequest.decode(body, version))
        raise AssertionError(f"api key {api_key}")

    def metadata(self, request):
        topics = [
            MetadataResponse.MetadataResponseTopic(
                name=topic.name,
                partitions=[
                    MetadataResponse.MetadataResponsePartition(
                        partition_index=partition, leader_id=1, leader_epoch=0, replica_nodes=[1], isr_nodes=[1]
                    )
                    for partition in range(PARTITIONS)
                ],
            )
            for topic in request.topics or []
        ]
        broker = MetadataResponse.MetadataResponseBroker(node_id=1, host=self.host, port=self.port)
        return MetadataResponse(brokers=[broker], cluster_id="stub", controller_id=1, topics=topics)

    def produce(self, request):
        responses = []
        for topic in request.topic_data:
            partitions = []
            for data in topic.partition_data:
                batch = bytearray(data.records)
                key = (topic.name, data.index)
                base = self.ends[key]
                struct.pack_into(">q", batch, 0, base)
                self.ends[key] = base + struct.unpack_from(">i", batch, 23)[0] + 1
                self.logs[key] += batch
                partitions.append(
                    ProduceResponse.PartitionProduceResponse(
                        index=data.index, base_offset=base, log_append_time_ms=-1, log_start_offset=0
                    )
                )
            responses.append(ProduceResponse.TopicProduceResponse(name=topic.name, partition_responses=partitions))
        self.appended.set()
        self.appended = asyncio.Event()
        return ProduceResponse(responses=responses)

    def list_offsets(self, request):
        topics = []
        for topic in request.topics:
            partitions = [
                ListOffsetsResponse.ListOffsetsPartitionResponse(
                    partition_index=wanted.partition_index,
                    timestamp=-1,
                    offset=0 if wanted.timestamp == -2 else self.ends[topic.name, wanted.partition_index],
                )
                for wanted in topic.partitions
            ]
            topics.append(ListOffsetsResponse.ListOffsetsTopicResponse(name=topic.name, partitions=partitions))
        return ListOffsetsResponse(topics=topics)

    async def fetch(self, request):
        found = self.read(request)
        if not any(partition.records for topic in found for partition in topic.partitions):
            try:
                async with asyncio.timeout(request.max_wait_ms / 1000):
                    await self.appended.wait()
            except TimeoutError:
                pass
            found = self.read(request)
        return FetchResponse(responses=found)

    def read(self, request):
        topics = []
        for topic in request.topics:
            partitions = []
            for wanted in topic.partitions:
                key = (topic.topic, wanted.partition)
                log = self.logs[key]
                position = 0
                while position < len(log):
                    base, length = struct.unpack_from(">qi", log, position)
                    if base + struct.unpack_from(">i", log, position + 23)[0] >= wanted.fetch_offset:
                        break
                    position += 12 + length
                partitions.append(
                    FetchResponse.PartitionData(
                        partition_index=wanted.partition,
                        high_watermark=self.ends[key],
                        last_stable_offset=self.ends[key],
                        records=bytes(log[position:]),
                    )
                )
            topics.append(FetchResponse.FetchableTopicResponse(topic=topic.topic, partitions=partitions))
        return topics
