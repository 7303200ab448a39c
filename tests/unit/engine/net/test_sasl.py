"""SASL as a client, against a broker that speaks it, and against one that does not mean well."""

import asyncio
import copy
import json
import logging
import pickle
import struct

import msgspec
import pytest

from engine.net.client import AuthenticationFailed, ClientConnection, ConnectionLost, RequestTimedOut
from engine.net.cluster_client import ClusterClient
from engine.net.cluster_errors import BrokerUnreachable, NotAuthenticated
from engine.net.connection_security import ConnectionSecurity, SaslCredentials
from engine.net.secret import Secret
from engine.protocol.api import ApiKey
from engine.protocol.messages import MetadataRequest, SaslAuthenticateResponse, SaslHandshakeResponse
from tests.unit.engine.net.guarded_broker import OFFERED, USERS, GuardedBroker, refused

pytestmark = pytest.mark.anyio

PASSWORD = USERS["alice"]
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


@pytest.fixture
def anyio_backend():
    return "asyncio"


def security(mechanism="SCRAM-SHA-256", username="alice", password=PASSWORD):
    return ConnectionSecurity("SASL_PLAINTEXT", sasl=SaslCredentials(mechanism, username, Secret(password)))


async def opened(broker, guard=None, **options):
    return await ClientConnection.open("127.0.0.1", broker.port, security=guard or security(), **options)


async def ask(connection, **options):
    return await connection.request(MetadataRequest(topics=[]), version=12, **options)


@pytest.mark.parametrize("mechanism", MECHANISMS)
async def test_a_user_with_the_right_password_gets_in(mechanism):
    async with GuardedBroker() as broker:
        connection = await opened(broker, security(mechanism))
        assert (await ask(connection)).cluster_id == "guarded"
        connection.close()
    assert broker.served == [ApiKey.API_VERSIONS, ApiKey.SASL_HANDSHAKE, ApiKey.METADATA]


async def test_the_password_itself_does_not_go_over_the_wire_with_scram():
    async with GuardedBroker() as broker:
        (await opened(broker)).close()
    assert not any(PASSWORD.encode() in token for token in broker.tokens)


@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize(("username", "password"), [("alice", "wrong-one"), ("bob", PASSWORD)])
async def test_anybody_else_does_not(mechanism, username, password):
    async with GuardedBroker() as broker:
        with pytest.raises(AuthenticationFailed, match="Invalid username or password") as raised:
            await opened(broker, security(mechanism, username, password))
    assert password not in str(raised.value)


async def test_a_mechanism_the_broker_has_not_enabled_is_named_with_those_it_has():
    async with GuardedBroker(mechanisms=("PLAIN", "GSSAPI")) as broker:
        with pytest.raises(
            AuthenticationFailed, match="SCRAM-SHA-256 is not enabled at the broker; enabled: PLAIN, GSSAPI"
        ):
            await opened(broker)


async def test_a_listener_without_sasl_is_not_taken_for_one():
    async with GuardedBroker(mechanisms=()) as broker:
        with pytest.raises(AuthenticationFailed, match="does not fit it"):
            await opened(broker)
    assert not broker.tokens


async def test_a_broker_that_knows_no_sasl_requests_is_not_sent_the_password_otherwise():
    async with GuardedBroker(offered={ApiKey.METADATA: 5, ApiKey.SASL_HANDSHAKE: 0}) as broker:
        with pytest.raises(AuthenticationFailed, match="offers no SASL"):
            await opened(broker, security("PLAIN"))
    assert not broker.tokens


async def test_the_oldest_brokers_with_sasl_requests_are_spoken_to_in_their_version():
    async with GuardedBroker(offered={**OFFERED, ApiKey.SASL_AUTHENTICATE: 0}, session_lifetime_ms=5) as broker:
        connection = await opened(broker)
        assert connection._renew_at is None
        await ask(connection)
        connection.close()


# Brokers that do not mean well


def framed(content):
    return struct.pack(">i", len(content)) + content


def first_message(change):
    def lie(request):
        nonce = bytes(request.auth_bytes).decode().rpartition("r=")[2]
        return SaslAuthenticateResponse(auth_bytes=change(nonce).encode())

    return lie


@pytest.mark.parametrize(
    ("lie", "said"),
    [
        (lambda _: b"\x7f\xff\xff\xff" + b"x" * 100, "frame of 2147483647 bytes"),
        (lambda _: struct.pack(">i", 2 * 1024 * 1024) + b"x" * 100, "frame of 2097152 bytes"),
        (lambda _: b"HTTP/1.1 400 Bad Request\r\n\r\n", "a frame of"),
        (lambda _: b"\x15\x03\x03\x00\x02\x02\x46", "speaks TLS"),
        (lambda _: framed(b"\x00\x00\x00\x63\x00garbage"), "answer 99 where 3 was due"),
        (lambda _: framed(b"\x00\x00\x00\x03\x00" + b"\xff" * 30), "SaslAuthenticateResponse"),
        (lambda _: framed(b""), "Header"),
        (lambda _: None, "the peer closed the connection"),
        (lambda _: SaslAuthenticateResponse(auth_bytes=b"\xff\x00garbage"), "not text"),
        (lambda _: SaslAuthenticateResponse(auth_bytes=b""), "cannot be read"),
        (lambda _: SaslAuthenticateResponse(auth_bytes=b"x" * 100_000), "100000 bytes"),
        (first_message(lambda nonce: f"r=another{nonce},s=c2FsdA==,i=4096"), "nonce"),
        (first_message(lambda nonce: f"r={nonce},s=c2FsdA==,i=4096"), "nonce"),
        (first_message(lambda nonce: f"r={nonce}x,s=c2FsdA==,i=1"), "1 iterations"),
        (first_message(lambda nonce: f"r={nonce}x,s=c2FsdA==,i=2000000000"), "2000000000 iterations"),
    ],
)
async def test_a_hostile_answer_ends_the_connection_and_says_why(lie, said):
    async with GuardedBroker() as broker:
        broker.lies[ApiKey.SASL_AUTHENTICATE] = lie
        with pytest.raises(ConnectionLost, match=said):
            await opened(broker, timeout_ms=5_000)
    assert all(token.startswith(b"n,,") for token in broker.tokens), "no proof is given to who asks wrongly"


@pytest.mark.parametrize("final", [b"v=" + b"A" * 43 + b"=", b"", b"v=AAAA", b"e=other-error"])
async def test_a_broker_that_cannot_prove_itself_is_not_used(final):
    """It says yes to any proof, as one would that only wants to be sent records."""
    replies = iter(
        [
            first_message(lambda nonce: f"r={nonce}x,s=c2FsdA==,i=4096"),
            lambda _: SaslAuthenticateResponse(auth_bytes=final),
        ]
    )
    async with GuardedBroker() as broker:
        broker.lies[ApiKey.SASL_AUTHENTICATE] = lambda request: next(replies)(request)
        with pytest.raises(AuthenticationFailed):
            await opened(broker)
    assert ApiKey.METADATA not in broker.served


async def test_a_broker_that_never_answers_is_left_in_time():
    async with GuardedBroker() as broker:
        broker.lies[ApiKey.SASL_AUTHENTICATE] = lambda _: b""
        with pytest.raises(RequestTimedOut):
            await opened(broker, timeout_ms=200)


async def test_a_broker_that_repeats_the_password_gets_it_into_no_message():
    async with GuardedBroker() as broker:
        broker.lies[ApiKey.SASL_AUTHENTICATE] = lambda _: refused(f"no: {PASSWORD}! " + "x" * 10_000)
        with pytest.raises(AuthenticationFailed) as raised:
            await opened(broker, security("PLAIN"))
    assert "no: [hidden]!" in str(raised.value)
    assert len(str(raised.value)) < 400


async def test_mechanisms_by_the_thousand_make_no_endless_message():
    async with GuardedBroker() as broker:
        broker.lies[ApiKey.SASL_HANDSHAKE] = lambda _: SaslHandshakeResponse(error_code=33, mechanisms=["X"] * 10_000)
        with pytest.raises(AuthenticationFailed) as raised:
            await opened(broker)
    assert len(str(raised.value)) < 500


# Sessions that end (KIP-368)


def make_due(connection):
    connection._renew_at = 0.0


@pytest.mark.parametrize("mechanism", MECHANISMS)
async def test_a_session_is_renewed_on_the_same_connection_before_the_next_request(mechanism):
    async with GuardedBroker(session_lifetime_ms=60_000) as broker:
        connection = await opened(broker, security(mechanism))
        until = connection._renew_at
        assert 0.8 * 60 < until - asyncio.get_running_loop().time() < 0.95 * 60
        make_due(connection)

        answers = await asyncio.gather(*(ask(connection) for _ in range(5)))

        assert {answer.cluster_id for answer in answers} == {"guarded"}
        assert connection._renew_at >= until
        assert broker.served == [
            ApiKey.API_VERSIONS, ApiKey.SASL_HANDSHAKE, ApiKey.SASL_HANDSHAKE, *[ApiKey.METADATA] * 5
        ]  # fmt: skip
        connection.close()


async def test_requests_under_way_are_answered_before_the_session_is_renewed():
    async with GuardedBroker(session_lifetime_ms=60_000) as broker:
        broker.delay_seconds = 0.05
        connection = await opened(broker)
        before = asyncio.ensure_future(ask(connection))
        await asyncio.sleep(0)
        make_due(connection)
        await ask(connection)
        assert before.done()
        assert (await before).cluster_id == "guarded"
        connection.close()


async def test_a_session_without_end_is_not_renewed_again_and_again():
    async with GuardedBroker(session_lifetime_ms=60_000) as broker:
        connection = await opened(broker)
        broker.session_lifetime_ms = 0
        make_due(connection)
        for _ in range(3):
            await ask(connection)
        assert broker.served.count(ApiKey.SASL_HANDSHAKE) == 2
        connection.close()


async def test_when_the_password_was_changed_waiting_requests_fail_and_say_why():
    async with GuardedBroker(session_lifetime_ms=60_000) as broker:
        connection = await opened(broker)
        broker.users["alice"] = "another"
        make_due(connection)
        outcomes = await asyncio.gather(*(ask(connection) for _ in range(3)), return_exceptions=True)
        assert [type(each) for each in outcomes] == [AuthenticationFailed] * 3
        assert connection.closed
        with pytest.raises(ConnectionLost):
            await ask(connection)


async def test_closing_while_a_session_is_renewed_leaves_nobody_waiting():
    async with GuardedBroker(session_lifetime_ms=60_000) as broker:
        connection = await opened(broker)
        broker.lies[ApiKey.SASL_AUTHENTICATE] = lambda _: b""
        make_due(connection)
        waiting = asyncio.ensure_future(ask(connection))
        await asyncio.sleep(0.05)
        connection.close()
        with pytest.raises(ConnectionLost):
            await waiting
        await asyncio.sleep(0)
        assert connection._renewal.cancelled() or connection._renewal.done()


async def test_what_was_given_up_while_it_waited_is_not_sent():
    async with GuardedBroker(session_lifetime_ms=60_000) as broker:
        connection = await opened(broker)
        make_due(connection)
        given_up = connection.start_request(MetadataRequest(topics=[]), version=12)
        given_up.cancel()
        await ask(connection)
        assert broker.served.count(ApiKey.METADATA) == 1
        connection.close()


# The client of a cluster


async def test_every_connection_of_a_cluster_client_signs_in():
    async with GuardedBroker() as broker, ClusterClient([("127.0.0.1", broker.port)], security=security()) as client:
        await client.metadata()
        await client.request_to(1, MetadataRequest(topics=[]))
        await client.request_to(1, MetadataRequest(topics=[]), channel="fetch")
        assert broker.served.count(ApiKey.SASL_HANDSHAKE) == 2


async def test_a_cluster_that_does_not_let_us_in_is_not_asked_again_and_again():
    async with GuardedBroker() as broker:
        addresses = [("127.0.0.1", broker.port)] * 3
        async with ClusterClient(addresses, security=security(password="wrong")) as client:
            with pytest.raises(NotAuthenticated, match="Invalid username or password"):
                await client.metadata()
    assert broker.served.count(ApiKey.SASL_HANDSHAKE) == 1


async def test_a_broker_that_does_not_let_us_in_later_is_unreachable_with_the_reason():
    async with GuardedBroker() as broker, ClusterClient([("127.0.0.1", broker.port)], security=security()) as client:
        await client.metadata()
        broker.users.clear()
        with pytest.raises(BrokerUnreachable, match="Invalid username or password"):
            await client.request_to(1, MetadataRequest(topics=[]), channel="fetch")


# What is secret stays so


def test_a_secret_shows_itself_nowhere():
    guard = security("PLAIN", password="hunter2")
    shown = [
        repr(guard),
        str(guard),
        f"{guard.sasl.password}",
        repr(msgspec.structs.asdict(guard)),
        repr(copy.deepcopy(guard)),
    ]
    assert not any("hunter2" in each for each in shown)
    for encode in (json.dumps, msgspec.json.encode, pickle.dumps):
        with pytest.raises(TypeError):
            encode(guard.sasl.password)
    assert "hunter2" not in json.dumps(msgspec.structs.asdict(guard), default=str)


async def test_nothing_that_is_logged_or_raised_has_the_password(caplog):
    """With asyncio's own debugging on; errors with their causes and contexts."""
    caplog.set_level(logging.DEBUG)
    asyncio.get_running_loop().set_debug(True)
    async with GuardedBroker() as broker:
        broker.users.clear()
        for mechanism in MECHANISMS:
            with pytest.raises(AuthenticationFailed) as raised:
                await opened(broker, security(mechanism))
            error = raised.value
            while error is not None:
                assert PASSWORD not in repr(error)
                error = error.__cause__ or error.__context__
    assert PASSWORD not in caplog.text


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda: SaslCredentials("GSSAPI", "a", Secret("b")), "GSSAPI is not one of"),
        (lambda: SaslCredentials("PLAIN", "", Secret("b")), "user name and a password"),
        (lambda: SaslCredentials("PLAIN", "a", Secret("")), "user name and a password"),
        (lambda: SaslCredentials("PLAIN", "a\0b", Secret("c")), "no NUL"),
        (lambda: ConnectionSecurity("SASL_PLAINTEXT"), "needs SASL"),
        (lambda: ConnectionSecurity("SSL"), "needs SSL"),
        (lambda: ConnectionSecurity("TLS"), "is not one of"),
        (lambda: ConnectionSecurity("PLAINTEXT", sasl=security().sasl), "no use for SASL"),
    ],
)
def test_security_that_does_not_fit_together_is_refused_and_never_left_out(made, said):
    with pytest.raises(ValueError, match=said):
        made()
