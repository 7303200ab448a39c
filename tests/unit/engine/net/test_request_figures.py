"""What a listener tells of the requests it has answered."""

import asyncio

import pytest

from engine.net.client import ClientConnection
from engine.net.dispatch import Handler, HandlerTable
from engine.net.request_figures import TIME_BOUNDS_S, RequestCounter, RequestCounters, request_name, summed
from engine.net.server import Pending, Server
from engine.protocol.api import ApiKey
from engine.protocol.messages import (
    ApiVersionsResponse,
    FetchRequest,
    HeartbeatRequest,
    HeartbeatResponse,
    ListGroupsRequest,
    ListGroupsResponse,
    ProduceRequest,
)


class Owner:
    """Heartbeats wait until they are completed; the stopwatch is moved by hand."""

    def __init__(self):
        self.seconds = 0.0
        self.waiting = []


def api_versions(owner, context, request):
    keys = [
        ApiVersionsResponse.ApiVersion(api_key=int(key), min_version=each.min_version, max_version=each.max_version)
        for key, each in TABLE.items()
    ]
    return ApiVersionsResponse(api_keys=keys)


def heartbeat(owner, context, request):
    pending = Pending()
    owner.waiting.append(pending)
    return pending


def list_groups(owner, context, request):
    owner.seconds += 0.03
    return ListGroupsResponse()


def produce(owner, context, request):
    owner.seconds += 0.001  # acks=0: nothing is said


TABLE = {
    ApiKey.API_VERSIONS: Handler(ApiKey.API_VERSIONS, (0, 4), api_versions),
    ApiKey.HEARTBEAT: Handler(ApiKey.HEARTBEAT, (0, 4), heartbeat),
    ApiKey.LIST_GROUPS: Handler(ApiKey.LIST_GROUPS, (0, 4), list_groups),
    ApiKey.PRODUCE: Handler(ApiKey.PRODUCE, (3, 13), produce),
}


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
async def server(anyio_backend):
    owner = Owner()
    table = HandlerTable(TABLE, lambda owner, context: ApiVersionsResponse(error_code=35))
    server = Server("PLAINTEXT", table, owner, stopwatch=lambda: owner.seconds)
    await server.bind("127.0.0.1", 0)
    await server.start()
    yield server
    await server.stop()


async def connect(server):
    return await ClientConnection.open("127.0.0.1", server.port, client_id="test", timeout_ms=5_000)


def figures_of(server):
    return {each.request: each for each in server.counters.figures()}


def took(figure):
    """The bounds of the classes that have something, with how many."""
    bounds = (*TIME_BOUNDS_S, None)
    return {bound: count for bound, count in zip(bounds, figure.times, strict=True) if count}


async def until(condition):
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0)


@pytest.mark.anyio
async def test_a_request_is_counted_with_its_bytes_and_its_time_under_kafkas_name(server):
    """Kafka: RequestMetrics, `request=ListGroups`, TotalTimeMs."""
    connection = await connect(server)
    for _ in range(3):
        await connection.request(ListGroupsRequest())
    figure = figures_of(server)["ListGroups"]
    assert figure.count == 3
    assert figure.request_bytes > 3 * 10
    assert figure.response_bytes > 3 * 8
    assert figure.seconds == pytest.approx(0.09)
    assert took(figure) == {0.05: 3}


@pytest.mark.anyio
async def test_what_an_answer_waits_for_belongs_to_its_time(server):
    """For other replicas or more records, and behind earlier answers of its connection."""
    connection = await connect(server)
    first = connection.start_request(HeartbeatRequest(group_id="g"))
    behind = connection.start_request(ListGroupsRequest())
    await until(lambda: server.owner.seconds > 0)
    server.owner.seconds = 0.4
    assert "Heartbeat" not in figures_of(server)  # not before it is answered
    server.owner.waiting[0].complete(HeartbeatResponse())
    await first
    await behind
    figures = figures_of(server)
    assert took(figures["Heartbeat"]) == {0.5: 1}
    assert took(figures["ListGroups"]) == {0.5: 1}


@pytest.mark.anyio
async def test_a_request_that_gets_no_answer_by_design_is_counted_and_one_that_was_abandoned_is_not(server):
    connection = await connect(server)
    connection.start_request(ProduceRequest(acks=0, timeout_ms=1_000), expect_response=False)
    connection.start_request(HeartbeatRequest(group_id="g"))
    await until(lambda: server.owner.waiting)
    connection.close()
    await until(lambda: not server.connections)
    figures = figures_of(server)
    assert (figures["Produce"].count, figures["Produce"].response_bytes) == (1, 0)
    assert "Heartbeat" not in figures


@pytest.mark.parametrize("version", [4, 14, 15, 18])
def test_fetches_of_followers_are_told_from_those_of_consumers(version):
    counters = RequestCounters()
    for replica_id in (-1, 2):
        request = FetchRequest()
        request.replica_id = replica_id if version < 15 else -1
        request.replica_state.replica_id = replica_id if version >= 15 else -1
        kind = "FetchConsumer" if replica_id < 0 else "FetchFollower"
        assert counters.of(int(ApiKey.FETCH), version, request).request == kind


def test_names_are_those_of_kafkas_metrics():
    names = [request_name(key) for key in (ApiKey.API_VERSIONS, ApiKey.OFFSET_FOR_LEADER_EPOCH, ApiKey.METADATA)]
    assert names == ["ApiVersions", "OffsetForLeaderEpoch", "Metadata"]


def test_times_are_sorted_into_classes_whose_bounds_are_inclusive():
    counter = RequestCounter("Produce")
    for seconds in (0.0, TIME_BOUNDS_S[0], 0.00011, TIME_BOUNDS_S[-1], 60.0):
        counter.add(1, 1, seconds)
    assert took(counter.figure()) == {TIME_BOUNDS_S[0]: 2, TIME_BOUNDS_S[1]: 1, TIME_BOUNDS_S[-1]: 1, None: 1}


def test_several_listeners_are_added_up():
    one, other, third = RequestCounter("Produce"), RequestCounter("Produce"), RequestCounter("Metadata")
    one.add(10, 20, 0.001)
    other.add(1, 2, 0.5)
    total = summed([one.figure(), other.figure(), third.figure()])
    assert [each.request for each in total] == ["Metadata", "Produce"]
    assert (total[1].count, total[1].request_bytes, total[1].response_bytes) == (2, 11, 22)
    assert took(total[1]) == {0.001: 1, 0.5: 1}


def test_nothing_is_told_of_what_was_never_asked():
    assert RequestCounters().figures() == []


def test_an_unknown_version_of_api_versions_counts_as_one():
    """KIP-511: its message cannot be read, and is answered all the same."""
    assert RequestCounters().of(int(ApiKey.API_VERSIONS), 99, None).request == "ApiVersions"
