"""A listener over real sockets: order, muting, bounds, and what happens to nonsense."""

import asyncio
import logging

import pytest

from engine.errors import KafkaError
from engine.net.client import ClientConnection, ConnectionLost, UnsupportedVersion
from engine.net.dispatch import Handler, HandlerTable
from engine.net.server import Pending, Server, ServerLimits
from engine.protocol.api import ApiKey
from engine.protocol.errors import ErrorCode
from engine.protocol.headers import encode_request
from engine.protocol.messages import (
    ApiVersionsRequest,
    ApiVersionsResponse,
    DescribeClusterRequest,
    DescribeClusterResponse,
    HeartbeatRequest,
    HeartbeatResponse,
    ListGroupsRequest,
    ListGroupsResponse,
)


@pytest.fixture
def anyio_backend():
    return "asyncio"


class Owner:
    def __init__(self):
        self.pending = []
        self.release = asyncio.Event()
        self.seen = []


def api_versions(owner, context, request):
    return ApiVersionsResponse(
        api_keys=[
            ApiVersionsResponse.ApiVersion(
                api_key=int(key), min_version=handler.min_version, max_version=handler.max_version
            )
            for key, handler in TABLE.items()
        ]
    )


def heartbeat(owner, context, request):
    """Answered later, by whoever completes `owner.pending`."""
    owner.seen.append(request.group_id)
    pending = Pending()
    owner.pending.append(pending)
    return pending


def list_groups(owner, context, request):
    owner.seen.append("list")
    return ListGroupsResponse()


async def describe_cluster(owner, context, request):
    owner.seen.append("describe")
    await owner.release.wait()
    if request.include_fenced_brokers:
        raise KafkaError(ErrorCode.CLUSTER_AUTHORIZATION_FAILED, "no")
    return DescribeClusterResponse(cluster_id="abc")


TABLE = {
    ApiKey.API_VERSIONS: Handler(ApiKey.API_VERSIONS, (0, 4), api_versions),
    ApiKey.HEARTBEAT: Handler(ApiKey.HEARTBEAT, (0, 4), heartbeat),
    ApiKey.LIST_GROUPS: Handler(ApiKey.LIST_GROUPS, (0, 4), list_groups),
    ApiKey.DESCRIBE_CLUSTER: Handler(ApiKey.DESCRIBE_CLUSTER, (0, 2), describe_cluster),
}


def refuse_version(owner, context):
    return ApiVersionsResponse(
        error_code=35, api_keys=[ApiVersionsResponse.ApiVersion(api_key=18, min_version=0, max_version=4)]
    )


@pytest.fixture
async def server(anyio_backend):
    server = Server("PLAINTEXT", HandlerTable(TABLE, refuse_version), Owner(), ServerLimits(frame_bytes_max=10_000))
    await server.bind("127.0.0.1", 0)
    await server.start()
    yield server
    await server.stop()


async def connect(server):
    return await ClientConnection.open("127.0.0.1", server.port, client_id="test", timeout_ms=5_000)


async def until(condition):
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0)


@pytest.mark.anyio
async def test_answers_come_in_the_order_of_the_requests(server):
    """A later request may be done first; its answer waits behind the earlier one."""
    connection = await connect(server)
    slow = connection.start_request(HeartbeatRequest(group_id="slow"))
    slower = connection.start_request(HeartbeatRequest(group_id="slower"))
    quick = connection.start_request(ListGroupsRequest())
    await until(lambda: server.owner.seen == ["slow", "slower", "list"])
    server.owner.pending[1].complete(HeartbeatResponse(error_code=2))
    await asyncio.sleep(0.01)
    assert not slower.done()
    assert not quick.done()
    server.owner.pending[0].complete(HeartbeatResponse(error_code=1))
    assert [(await slow).error_code, (await slower).error_code] == [1, 2]
    await quick


@pytest.mark.anyio
async def test_a_connection_is_muted_while_a_coroutine_handler_runs(server):
    """Kafka mutes the channel: what the request does must be visible to the next one."""
    connection = await connect(server)
    first = connection.start_request(DescribeClusterRequest())
    second = connection.start_request(ListGroupsRequest())
    await asyncio.sleep(0.01)
    assert server.owner.seen == ["describe"]
    server.owner.release.set()
    assert (await first).cluster_id == "abc"
    await second
    assert server.owner.seen == ["describe", "list"]


@pytest.mark.anyio
async def test_an_error_that_escapes_a_handler_becomes_the_responses_error_code(server):
    connection = await connect(server)
    server.owner.release.set()
    response = await connection.request(DescribeClusterRequest(include_fenced_brokers=True))
    assert response.error_code == ErrorCode.CLUSTER_AUTHORIZATION_FAILED
    assert response.error_message == "no"


@pytest.mark.anyio
async def test_an_unknown_version_of_api_versions_is_answered_in_version_0(server):
    """KIP-511."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    parts = encode_request(ApiKey.API_VERSIONS, 4, 77, "from the future", ApiVersionsRequest())
    request = bytearray(b"".join(parts))
    request[6:8] = (99).to_bytes(2, "big")
    writer.write(request)
    size = int.from_bytes(await reader.readexactly(4), "big")
    answer = await reader.readexactly(size)
    assert int.from_bytes(answer[:4], "big") == 77
    assert ApiVersionsResponse.decode(answer[4:], 0).error_code == ErrorCode.UNSUPPORTED_VERSION
    writer.close()


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("bytes_sent", "said"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "an HTTP request"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01", "a TLS handshake"),
        ((20_000).to_bytes(4, "big"), "20000 bytes is outside 0..10000"),
        (b"\x00\x00\x00\x03abc", "unreadable request header"),
        (b"\x00\x00\x00\x0a" + bytes([0, 16, 0, 4, 0, 0, 0, 1, 255, 255]), "unreadable"),
        (b"\x00\x00\x00\x0b" + bytes([0, 12, 0, 77, 0, 0, 0, 1, 255, 255, 0]), "version 77 is not supported"),
        (b"\x00\x00\x00\x0a" + bytes([0, 3, 0, 1, 0, 0, 0, 1, 255, 255]), "METADATA is not served"),
    ],
)
async def test_nonsense_closes_the_connection_and_is_logged(server, bytes_sent, said, caplog):
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    with caplog.at_level(logging.WARNING):
        writer.write(bytes_sent)
        async with asyncio.timeout(5):
            assert await reader.read() == b""
    assert said in caplog.text
    assert not server.connections


@pytest.mark.anyio
async def test_a_peer_that_goes_away_abandons_its_waiting_requests(server):
    connection = await connect(server)
    waiting = connection.start_request(HeartbeatRequest(group_id="slow"))
    await until(lambda: server.owner.pending)
    told = []
    server.owner.pending[0].on_abandon = lambda: told.append(True)
    connection.close()
    await until(lambda: told)
    server.owner.pending[0].complete(HeartbeatResponse())
    with pytest.raises(ConnectionLost):
        await waiting


@pytest.mark.anyio
async def test_connections_beyond_the_bound_are_refused(server):
    server.limits.connections_max = 1
    first = await connect(server)
    with pytest.raises(ConnectionLost):
        await connect(server)
    first.close()


@pytest.mark.anyio
async def test_a_client_says_when_the_peer_does_not_know_an_api(server):
    from engine.protocol.messages import MetadataRequest

    connection = await connect(server)
    with pytest.raises(UnsupportedVersion, match="does not know METADATA"):
        await connection.request(MetadataRequest())


@pytest.mark.anyio
async def test_a_refused_connection_names_the_address():
    with pytest.raises(ConnectionLost, match=r"127\.0\.0\.1:1: "):
        await ClientConnection.open("127.0.0.1", 1, timeout_ms=2_000)
