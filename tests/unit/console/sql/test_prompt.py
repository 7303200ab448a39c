"""What the prompt completes, and when Enter runs a statement."""

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from console.commands.sql_prompt import Prompt, SqlCompleter, is_complete
from console.errors import OperatorError
from console.sql.catalog import TableName
from console.sql.results import SqlLimits

TABLES = [
    TableName("orders", "topic", "", ("partition", "offset", "key", "value")),
    TableName("with-dash", "topic", "", ("partition", "offset", "key", "value")),
    TableName("kafka.group_offsets", "cluster", "", ("group_id", "lag")),
]


def completed(text):
    return [each.text for each in SqlCompleter(TABLES).get_completions(Document(text), CompleteEvent())]


def test_tables_come_after_from_and_join():
    assert completed("select * from ") == ["orders", '"with-dash"', "kafka.group_offsets"]
    assert completed("select * from orders join kaf") == ["kafka.group_offsets"]
    assert completed("select * from orders, wi") == ['"with-dash"']


def test_columns_are_those_of_the_tables_that_are_named():
    assert "lag" in completed("select * from group_offsets where la")
    assert "lag" not in completed("select * from orders where la")
    assert completed("select * from orders where offs") == ["offset"]


def test_commands_begin_with_a_dot():
    assert completed(".sa") == [".save", ".saved"]


@pytest.mark.parametrize(
    ("text", "complete"),
    [
        ("select 1;", True),
        ("select 1", False),
        ("select 1\n", True),
        (".tables", True),
        ("", True),
        ("select ';'", False),
    ],
)
def test_enter_runs_what_is_complete(text, complete):
    assert is_complete(text) is complete


def test_statements_and_commands_are_answered(ask, orders, capsys, tmp_path, monkeypatch):
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    prompt = Prompt(ask.service, SqlLimits())

    for text in (
        "select count(*) n from orders;",
        ".save counted",
        ".limit 1",
        ".output csv",
        ".run counted",
        ".explain",
    ):
        assert ask.do(prompt.answer(text))
    assert not ask.do(prompt.answer(".quit"))

    said = capsys.readouterr()
    assert "   n\n3000\n" in said.out
    assert "n\n3000\n" in said.out
    assert "orders" in said.out
    with pytest.raises(OperatorError, match="no command"):
        ask.do(prompt.answer(".nonsense"))
