"""TLS as a client: who is trusted, whose name must match, and what it says when it does not work."""

import os
import shutil
from pathlib import Path

import pytest

from engine.net.client import ClientConnection, ConnectionLost
from engine.net.connection_security import ConnectionSecurity, SaslCredentials
from engine.net.secret import Secret
from engine.net.tls import TlsSettingsError, client_tls_context, pem_blocks
from engine.protocol.messages import MetadataRequest
from tests.unit.engine.net.guarded_broker import USERS, GuardedBroker, certificates, server_context

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(shutil.which("openssl") is None, reason="makes certificates with openssl"),
]


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture(scope="session")
def pem(tmp_path_factory):
    return certificates(tmp_path_factory.mktemp("certificates"))


def ssl_only(pem, ca="ca", **options):
    return ConnectionSecurity("SSL", client_tls_context(trusted=pem[ca].read_text(), **options))


def own(pem, key="client_key", **options):
    return {"certificate_chain": pem["client"].read_text(), "key": Secret(pem[key].read_text()), **options}


async def ask(broker, security, host="127.0.0.1"):
    connection = await ClientConnection.open(host, broker.port, security=security, timeout_ms=5_000)
    try:
        return (await connection.request(MetadataRequest(topics=[]), version=12)).cluster_id
    finally:
        connection.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_broker_with_a_trusted_certificate_of_its_name_is_used(pem, host):
    async with GuardedBroker(mechanisms=(), tls=server_context(pem)) as broker:
        assert await ask(broker, ssl_only(pem), host) == "guarded"


async def test_answers_of_every_size_come_through(pem):
    """Larger than a TLS record and than the receive buffer."""
    async with GuardedBroker(mechanisms=(), tls=server_context(pem)) as broker:
        connection = await ClientConnection.open("127.0.0.1", broker.port, security=ssl_only(pem))
        for size in (1, 10, 1_000, 5_000):
            topics = [MetadataRequest.MetadataRequestTopic(name="t" * 200) for _ in range(size)]
            assert (await connection.request(MetadataRequest(topics=topics), version=12)).cluster_id == "guarded"
        connection.close()


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
async def test_sasl_goes_through_tls(pem, mechanism):
    sasl = SaslCredentials(mechanism, "alice", Secret(USERS["alice"]))
    async with GuardedBroker(tls=server_context(pem)) as broker:
        assert await ask(broker, ConnectionSecurity("SASL_SSL", ssl_only(pem).tls, sasl)) == "guarded"


async def test_a_certificate_of_an_authority_that_is_not_trusted_is_refused(pem):
    async with GuardedBroker(mechanisms=(), tls=server_context(pem)) as broker:
        with pytest.raises(ConnectionLost, match="certificate is not accepted: unable to get local issuer certificate"):
            await ask(broker, ssl_only(pem, "other_ca"))


async def test_the_authorities_of_the_system_do_not_include_ours(pem):
    async with GuardedBroker(mechanisms=(), tls=server_context(pem)) as broker:
        with pytest.raises(ConnectionLost, match="certificate is not accepted"):
            await ask(broker, ConnectionSecurity("SSL", client_tls_context()))


async def test_a_certificate_of_another_host_is_refused_unless_names_do_not_count(pem):
    async with GuardedBroker(mechanisms=(), tls=server_context(pem, "elsewhere")) as broker:
        with pytest.raises(ConnectionLost, match="certificate is not accepted: IP address mismatch"):
            await ask(broker, ssl_only(pem))
        with pytest.raises(ConnectionLost, match="certificate is not accepted: Hostname mismatch"):
            await ask(broker, ssl_only(pem), "localhost")
        assert await ask(broker, ssl_only(pem, check_hostname=False)) == "guarded"


async def test_without_names_the_authority_still_counts(pem):
    async with GuardedBroker(mechanisms=(), tls=server_context(pem)) as broker:
        with pytest.raises(ConnectionLost, match="certificate is not accepted"):
            await ask(broker, ssl_only(pem, "other_ca", check_hostname=False))


@pytest.mark.parametrize(("key", "password"), [("client_key", None), ("client_locked", Secret("sesame"))])
async def test_our_certificate_is_shown_to_who_asks_for_it(pem, key, password):
    async with GuardedBroker(mechanisms=(), tls=server_context(pem, asks_for_client=True)) as broker:
        assert await ask(broker, ssl_only(pem, **own(pem, key, key_password=password))) == "guarded"
        with pytest.raises(ConnectionLost, match=r"wants? a certificate from us"):
            await ask(broker, ssl_only(pem))


async def test_a_listener_without_tls_is_told_apart(pem):
    async with GuardedBroker(mechanisms=()) as broker:
        with pytest.raises(ConnectionLost, match="TLS"):
            await ask(broker, ssl_only(pem))


async def test_a_listener_with_tls_is_told_apart(pem):
    async with GuardedBroker(mechanisms=(), tls=server_context(pem)) as broker:
        with pytest.raises(ConnectionLost):
            await ask(broker, ConnectionSecurity())


async def test_a_host_name_that_cannot_be_one_is_an_unreachable_host(pem):
    for host in (".example", "a..b", "x" * 300):
        with pytest.raises(ConnectionLost):
            await ClientConnection.open(host, 9, security=ssl_only(pem))
        with pytest.raises(ConnectionLost):
            await ClientConnection.open(host, 9)


# Settings


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"trusted": "nothing"}, "no certificate in PEM among those to trust"),
        ({"trusted": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"}, "cannot be read"),
        ({"key": None}, "needs its private key"),
        ({"certificate_chain": None}, "a key its certificate"),
        ({"certificate_chain": "nothing"}, "no certificate in PEM"),
        ({"key": Secret("nothing")}, "no private key in PEM"),
        ({"key": "server_key"}, "not that of the certificate"),
        ({"key": "client_locked"}, "needs a password"),
        ({"key": "client_locked", "key_password": Secret("hunter2")}, "password of the private key is wrong"),
    ],
)
async def test_settings_that_cannot_work_say_why_without_what_is_secret(pem, change, said):
    if isinstance(change.get("key"), str):
        change = {**change, "key": Secret(pem[change["key"]].read_text())}
    with pytest.raises(TlsSettingsError, match=said) as raised:
        client_tls_context(**{"trusted": pem["ca"].read_text(), **own(pem), **change})
    assert "hunter2" not in repr(raised.value)
    assert raised.value.__cause__ is None


async def test_pem_may_stand_on_one_line_between_other_words(pem):
    """As in the value of a property; and as `keytool -list -rfc` writes it."""
    text = pem["ca"].read_text()
    assert pem_blocks(f"Alias: cä\n{text.replace(chr(10), ' ')} more", "CERTIFICATE") == text
    assert pem_blocks(text, "PRIVATE KEY") == ""


async def test_no_key_is_left_on_a_disk(pem, monkeypatch):
    """Where the system cannot keep it in memory, its file is readable by us alone and gone afterwards."""
    paths = []

    def remember(path, *rest, **options):
        paths.append((Path(path), os.stat(path).st_mode & 0o777))

    monkeypatch.delattr(os, "memfd_create")
    monkeypatch.setattr("ssl.SSLContext.load_cert_chain", lambda context, path, **options: remember(path))
    client_tls_context(trusted=pem["ca"].read_text(), **own(pem))
    ((path, mode),) = paths
    assert mode == 0o600
    assert not path.exists()
