"""Named clusters in a TOML file."""

import tomllib

import pytest

from console.contexts import Context, Contexts, check_context_name, contexts_file, load_contexts, save_contexts
from console.errors import OperatorError


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return tmp_path


def test_without_a_file_there_are_none():
    assert load_contexts() == Contexts({}, None)


def test_what_is_saved_is_loaded():
    context = Context("staging", "a:9092,b:9092", 'C:\\odd "path"\n', True)
    saved = Contexts({"prod.eu": Context("prod.eu", "p:9092"), "staging": context}, "staging")

    save_contexts(saved)

    assert load_contexts() == saved


def test_a_file_of_nonsense_is_named():
    contexts_file().parent.mkdir(parents=True)
    for text in ("=", "[contexts.a]\n", '[contexts.a]\nbootstrap_servers="x"\ncolour="red"\n'):
        contexts_file().write_text(text)
        with pytest.raises(OperatorError, match=r"contexts\.toml"):
            load_contexts()


def test_an_unknown_name_is_said_with_the_known_ones():
    with pytest.raises(OperatorError, match="there is no context 'x'") as raised:
        Contexts({"a": Context("a", "b:1")}, None).get("x")
    assert "a" in raised.value.hint


def test_names_are_plain_words():
    assert check_context_name("prod.eu-1_x") == "prod.eu-1_x"
    with pytest.raises(OperatorError):
        check_context_name("a b")


def test_settings_of_the_terminal_console_survive_a_change_of_contexts():
    path = contexts_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        'current = "a"\n[tui]\ntheme = "nord"\n[contexts.a]\nbootstrap_servers = "a:1"\n[tui.keys]\n"table.mark" = "m"\n'
    )

    save_contexts(load_contexts())

    data = tomllib.loads(path.read_text())
    assert data["tui"] == {"theme": "nord", "keys": {"table.mark": "m"}}
    assert data["contexts"]["a"]["bootstrap_servers"] == "a:1"
    assert data["current"] == "a"


def test_settings_that_cannot_be_kept_are_not_lost_silently():
    path = contexts_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('colour = "red"\n')

    with pytest.raises(OperatorError, match="cannot change"):
        save_contexts(Contexts({}, None))

    assert path.read_text() == 'colour = "red"\n'
