"""Where and how to connect."""

import pytest

from console.client_config import client_config, load_client_properties, parse_bootstrap
from console.errors import Blame, OperatorError


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("localhost:9093", (("localhost", 9093),)),
        ("a, b:1 ,", (("a", 9092), ("b", 1))),
        ("[::1]:9092,[fe80::1]", (("::1", 9092), ("fe80::1", 9092))),
        ("PLAINTEXT://kafka:29092", (("kafka", 29092),)),
    ],
)
def test_addresses_are_read_as_people_write_them(text, addresses):
    assert parse_bootstrap(text) == addresses


@pytest.mark.parametrize("text", ["", ",", ":9092", "host:port", "host:0", "host:65536"])
def test_what_is_no_address_is_said(text):
    with pytest.raises(OperatorError) as raised:
        parse_bootstrap(text)
    assert raised.value.blame is Blame.WORDS


def test_the_command_line_goes_before_the_file():
    properties = {"bootstrap.servers": "file:1", "client.id": "me", "request.timeout.ms": "5"}

    config = client_config("line:2", properties)

    assert config.bootstrap == (("line", 2),)
    assert (config.client_id, config.request_timeout_ms) == ("me", 5)
    assert client_config(None, properties).bootstrap == (("file", 1),)


def test_what_has_no_effect_is_said_and_what_is_a_clients_own_is_not(tmp_path):
    path = tmp_path / "c.properties"
    path.write_text("acks=all\nssl.truststore.location=/x\nbootstap.servers=x\n")

    found, notes = load_client_properties(str(path))

    assert found == {}
    assert [note.split(": ")[1] for note in notes] == [
        "ssl.truststore.location has no effect with security.protocol=PLAINTEXT",
        "bootstap.servers is not a property of Kafka's clients",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("\nsecurity.protocol=TLS", "line 2: security.protocol=TLS is not one of Kafka's"),
        ("request.timeout.ms=soon", "line 1: request.timeout.ms=soon is not a number"),
    ],
)
def test_what_cannot_be_honoured_is_refused_with_its_line(tmp_path, text, said):
    """Never a silent connection without the security that was asked for."""
    path = tmp_path / "c.properties"
    path.write_text(text)
    with pytest.raises(OperatorError, match=said):
        load_client_properties(str(path))


def test_a_file_that_is_not_there_is_named():
    with pytest.raises(OperatorError, match="cannot read /nope"):
        load_client_properties("/nope")
