"""Error codes and the one exception."""

import json
from pathlib import Path

from engine.protocol.errors import Blame, ErrorCode, ProtocolError


def test_codes_names_and_retriability_are_those_of_kafka() -> None:
    """Kafka 4.3.0: `java -cp kafka-clients-4.3.0.jar:slf4j-api.jar org.apache.kafka.common.protocol.Errors`."""
    table = json.loads((Path(__file__).parent / "vectors" / "errors_4_3.json").read_text())["errors"]
    assert [[code.name, int(code), code.retriable] for code in ErrorCode] == table
    assert len(ErrorCode) == 135


def test_every_code_has_a_text_and_survives_as_a_number() -> None:
    for code in ErrorCode:
        assert code.text
        assert ErrorCode(int(code)) is code
        assert ErrorCode.of(int(code)) is code


def test_an_unknown_code_is_an_unknown_server_error() -> None:
    """Kafka: Errors.forCode."""
    assert ErrorCode.of(9999) is ErrorCode.UNKNOWN_SERVER_ERROR


def test_a_protocol_error_says_what_it_knows() -> None:
    assert str(ProtocolError(Blame.REMOTE, "no")) == "no"
    error = ProtocolError(
        Blame.LOCAL, "too long", message_name="FetchRequest", version=4, field_path="rack_id", byte_position=7
    )
    assert str(error) == "FetchRequest v4 rack_id at byte 7: too long"
    assert error.kind is Blame.LOCAL
