"""The commands against Apache Kafka behind TLS and SASL: every listener, every mechanism, and who must not get in."""

import asyncio
import shutil
from contextlib import ExitStack

import pytest

from console.cli import run
from console.client_config import client_config, connect, load_client_properties
from console.services.topics import list_topics
from tests.java_kafka.apache_kafka import apache_kafka, free_port
from tests.unit.engine.net.guarded_broker import certificates

pytestmark = [
    pytest.mark.java,
    pytest.mark.skipif(shutil.which("openssl") is None, reason="makes certificates with openssl"),
]

SESSION_MS = 3_000
_MODULES = "org.apache.kafka.common.security"

SERVER = """\
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
ssl.keystore.type=PEM
ssl.keystore.location={keystore}
ssl.truststore.type=PEM
ssl.truststore.location={truststore}
listener.name.ssl.ssl.client.auth=required
listener.name.sasl_ssl.ssl.client.auth=none
listener.name.sasl_plaintext.scram-sha-256.connections.max.reauth.ms={session_ms}
"""
LISTENER = """\
listener.name.{name}.plain.sasl.jaas.config={modules}.plain.PlainLoginModule required user_paula="plain,word";
listener.name.{name}.scram-sha-256.sasl.jaas.config={modules}.scram.ScramLoginModule required;
listener.name.{name}.scram-sha-512.sasl.jaas.config={modules}.scram.ScramLoginModule required;
"""
USERS = {
    "PLAIN": ("paula", "plain,word"),
    "SCRAM-SHA-256": ("sam", "sam-secret"),
    "SCRAM-SHA-512": ("sue", "sue=secret"),
}


@pytest.fixture(scope="module")
def pem(tmp_path_factory):
    return certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def ports(pem):
    """By security protocol, of a running Apache Kafka."""
    keystore = pem["server"].parent / "server.keystore"
    keystore.write_text(pem["server_key"].read_text() + pem["server"].read_text())
    found = {name: free_port() for name in ("SSL", "SASL_PLAINTEXT", "SASL_SSL")}
    properties = SERVER.format(keystore=keystore, truststore=pem["ca"], session_ms=SESSION_MS)
    for name in ("sasl_plaintext", "sasl_ssl"):
        properties += LISTENER.format(name=name, modules=_MODULES)
    users = [
        word
        for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512")
        for word in ("--add-scram", "{}=[name={},password={}]".format(mechanism, *USERS[mechanism]))
    ]
    with ExitStack() as held:
        bootstrap = held.enter_context(apache_kafka(listeners=found, properties=properties, format_options=users))
        assert run(["topics", "create", "orders", "-b", bootstrap, "--partitions", "3"]) == 0
        yield found


@pytest.fixture
def stoker(ports, pem, capfd, tmp_path, monkeypatch):
    """`stoker(protocol, properties, *words)`: exit code, stdout, stderr."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("STOKER_BOOTSTRAP_SERVER", raising=False)

    def call(protocol, text, *words):
        path = tmp_path / "client.properties"
        path.write_text(f"security.protocol={protocol}\n{text}")
        capfd.readouterr()
        code = run([*words, "-b", f"127.0.0.1:{ports[protocol]}", "--command-config", str(path)])
        captured = capfd.readouterr()
        for _, secret in USERS.values():
            assert secret not in captured.out + captured.err
        return code, captured.out, captured.err

    return call


def tls(pem):
    return f"ssl.truststore.type=PEM\nssl.truststore.location={pem['ca']}\n"


def sasl(mechanism, user=None, password=None):
    module = "plain.PlainLoginModule" if mechanism == "PLAIN" else "scram.ScramLoginModule"
    user, password = user or USERS[mechanism][0], password or USERS[mechanism][1]
    line = f'sasl.jaas.config={_MODULES}.{module} required username="{user}" password="{password}";'
    return f"sasl.mechanism={mechanism}\n{line}\n"


@pytest.mark.parametrize("mechanism", list(USERS))
@pytest.mark.parametrize("protocol", ["SASL_PLAINTEXT", "SASL_SSL"])
def test_a_user_lists_topics_writes_and_reads(stoker, pem, tmp_path, protocol, mechanism):
    settings = sasl(mechanism) + (tls(pem) if protocol == "SASL_SSL" else "")
    marker = f"{protocol} {mechanism}"
    lines = tmp_path / "lines"
    lines.write_text(marker + "\n")

    code, out, err = stoker(protocol, settings, "topics", "list")
    assert (code, err) == (0, "")
    assert "orders" in out
    assert stoker(protocol, settings, "produce", "orders", str(lines))[0] == 0
    code, out, _ = stoker(protocol, settings, "tail", "orders", "--exit-at-end", "-o", "jsonl")
    assert code == 0
    assert marker in out


def test_a_certificate_lets_in_where_the_broker_asks_for_one(stoker, pem):
    own = (
        f"ssl.certificate.location={pem['client']}\nssl.key.location={pem['client_locked']}\nssl.key.password=sesame\n"
    )

    assert stoker("SSL", tls(pem) + own, "topics", "list")[0] == 0
    code, _, err = stoker("SSL", tls(pem), "topics", "list")

    assert code == 3
    assert "wants one and got none" in err


@pytest.mark.parametrize("mechanism", list(USERS))
def test_a_wrong_password_is_told_at_once(stoker, mechanism):
    code, _, err = stoker("SASL_PLAINTEXT", sasl(mechanism, password="wrong-one"), "topics", "list")

    assert code == 1
    assert "does not let us in" in err
    assert "wrong-one" not in err


def test_a_user_nobody_knows_is_not_let_in(stoker):
    assert stoker("SASL_PLAINTEXT", sasl("SCRAM-SHA-256", "nobody"), "topics", "list")[0] == 1


def test_a_broker_whose_certificate_is_not_trusted_is_not_sent_the_password(stoker, pem):
    text = sasl("PLAIN") + f"ssl.ca.location={pem['other_ca']}\n"
    code, _, err = stoker("SASL_SSL", text, "topics", "list")
    assert code == 3
    assert "the broker's certificate is not accepted" in err


def test_a_session_outlives_its_end(ports, tmp_path):
    """KIP-368: Apache Kafka closes connections that are used after `connections.max.reauth.ms`."""
    path = tmp_path / "client.properties"
    path.write_text("security.protocol=SASL_PLAINTEXT\n" + sasl("SCRAM-SHA-256"))
    config = client_config(f"127.0.0.1:{ports['SASL_PLAINTEXT']}", load_client_properties(str(path))[0])

    async def use() -> int:
        async with connect(config) as client:
            await list_topics(client)
            (first,) = client._connections.values()
            loop = asyncio.get_running_loop()
            until = loop.time() + 2.5 * SESSION_MS / 1000
            while loop.time() < until:
                await list_topics(client)
                await asyncio.sleep(0.05)
            # And once after it has ended, as after a pause in an interactive face.
            await asyncio.sleep(1.3 * SESSION_MS / 1000)
            await list_topics(client)
            (last,) = client._connections.values()
            return first.result() is last.result()

    assert asyncio.run(use()), "the connection is still the first"
