"""From settings to a decoder: contexts, properties files, the environment; and records of a cluster through it."""

import pytest

from console.cli import run
from console.client_config import load_client_properties
from console.contexts import Context, Contexts, load_contexts, save_contexts
from console.decoding.configured import VARIABLE, configured_decoder
from console.decoding.model import Part
from console.errors import OperatorError


@pytest.fixture(autouse=True)
def config_folder(tmp_path, monkeypatch):
    monkeypatch.setattr("console.contexts.config_dir", lambda: tmp_path)
    monkeypatch.delenv(VARIABLE, raising=False)
    return tmp_path


CONTEXT = Context(
    "staging", "k:9092", schema_registry="http://registry:8081", decode={"orders": "hex,key=int64", "m-*": "base64"}
)


def test_a_context_keeps_the_registry_and_the_formats_of_topics():
    save_contexts(Contexts({"a": Context("a", "x:1"), "staging": CONTEXT}, "staging"))
    assert load_contexts().contexts == {"a": Context("a", "x:1"), "staging": CONTEXT}


@pytest.mark.parametrize(
    "line",
    ['schema_registry = "http://me:secret@registry"', "schema_registry = 1", 'decode = "json"', "decode = {a = 1}"],
)
def test_settings_of_a_context_that_make_no_sense_are_told(config_folder, line):
    (config_folder / "contexts.toml").write_text(f'[contexts.a]\nbootstrap_servers = "x:1"\n{line}\n')
    with pytest.raises(OperatorError) as failed:
        load_contexts()
    assert "secret" not in str(failed.value)


def test_the_contexts_rules_decode_its_topics_and_words_go_before_them():
    decoder = configured_decoder(None, CONTEXT)
    assert decoder.decode("orders", Part.KEY, bytes(7) + b"\x09").value == 9
    assert decoder.decode("orders", Part.VALUE, b"a").value == "61"
    assert decoder.decode("m-1", Part.VALUE, b"a").value == "YQ=="
    assert decoder.decode("other", Part.VALUE, b"a").value == "a"
    assert configured_decoder("utf-8", CONTEXT).decode("orders", Part.VALUE, b"a").value == "a"
    with pytest.raises(OperatorError):
        configured_decoder("nonsense")
    with pytest.raises(OperatorError):
        configured_decoder(None, Context("a", "x:1", decode={"t": "nonsense"}))


def test_the_registry_is_the_environments_the_contexts_or_the_properties(tmp_path, monkeypatch):
    file = tmp_path / "client.properties"
    file.write_text("schema.registry.url=http://c:1\nschema.registry.basic.auth.user.info=me:pw\n")
    properties, notes = load_client_properties(str(file))
    assert notes == []

    def registry(context=None):
        return configured_decoder(None, context, properties).schemas.registry.config

    assert (registry().url, registry().user) == ("http://c:1", "me")
    assert registry(CONTEXT).url == "http://registry:8081"
    monkeypatch.setenv(VARIABLE, "https://env:2")
    assert registry(CONTEXT).url == "https://env:2"
    monkeypatch.setenv(VARIABLE, "nonsense")
    with pytest.raises(OperatorError):
        registry()


def test_without_settings_there_is_no_registry():
    assert configured_decoder()._schemas is None


def test_contexts_add_takes_the_registry_and_the_formats():
    words = ["contexts", "add", "staging", "-b", "k:9092", "--schema-registry", "http://registry:8081"]
    assert run([*words, "--decode", "orders=hex,key=int64", "--decode", "m-*=base64"]) == 0
    assert load_contexts().contexts["staging"] == CONTEXT
    assert run([*words[:-1], "http://me:secret@registry:8081"]) == 2
    assert run([*words[:-1], "registry"]) == 2
    assert run([*words, "--decode", "orders"]) == 2
    assert run([*words, "--decode", "orders=nonsense"]) == 2
    assert load_contexts().contexts["staging"] == CONTEXT
