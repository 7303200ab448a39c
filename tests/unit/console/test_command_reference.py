"""COMMANDS.md, README.md and the examples of the help say what the commands really take."""

import re
import shlex
from pathlib import Path

import click
import pytest

from console.cli import COMMANDS, cli, run
from console.command_reference import REFERENCE_PATH, command_pages, reference_text

ROOT = Path(__file__).parents[3]
REFERENCE = REFERENCE_PATH.read_text(encoding="utf-8")


def commands_in(line: str) -> list[list[str]]:
    """The `stoker` commands of a line of shell, as words after `stoker`."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    found: list[list[str]] = []
    words: list[str] = []
    skip = False
    for token in [*lexer, ";"]:
        if token and set(token) <= set("|&;"):
            found.append(words)
            words = []
        elif token and set(token) <= set("<>"):
            skip = True
        elif skip:
            skip = False
        else:
            words.append(token)
    return [
        each[each.index("stoker") + 1 :] for each in found if each[:1] == ["stoker"] or each[:2] == ["./dev", "stoker"]
    ]


def shell_lines(text: str) -> list[str]:
    """Of the code blocks that are shell, and what stands in backticks elsewhere."""
    lines, language = [], None
    for line in text.splitlines():
        if line.startswith("```"):
            language = line.removeprefix("```").strip() if language is None else None
        elif language == "sh":
            lines.append(line.replace("./dev up", "stoker up"))
        elif language is None:
            lines += re.findall(r"`(stoker [^`]+)`", line)
    return lines


def parse(words: list[str]) -> None:
    """Fails where a command or an option does not exist, or an option lacks its value. Runs nothing."""
    command: click.Command = cli
    context = click.Context(cli, info_name="stoker")
    while True:
        _, rest, _ = command.make_parser(context).parse_args(args=list(words))
        if not isinstance(command, click.Group) or not rest:
            return
        below = command.get_command(context, rest[0])
        assert below is not None, f"there is no `stoker {' '.join(words)}`"
        context = click.Context(below, parent=context, info_name=rest[0])
        command, words = below, rest[1:]


def test_the_reference_is_what_the_commands_say() -> None:
    assert reference_text() == REFERENCE, "run ./dev commands"


@pytest.mark.parametrize("words", [["topics"], ["topics", "list"], ["sql"], ["groups", "reset"], ["up"]])
def test_the_reference_is_what_help_prints(words, capsys, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    assert run([*words, "--help"]) == 0
    printed = "\n".join(line.rstrip() for line in capsys.readouterr().out.splitlines())
    assert f"```\n{printed}\n```" in REFERENCE


def test_every_command_has_its_page_and_stands_in_the_contents() -> None:
    for section in COMMANDS.values():
        for name in section:
            assert f"(#stoker-{name})" in REFERENCE
            for words, _ in command_pages(name):
                assert re.search(rf"^#+ stoker {' '.join(words)}$", REFERENCE, re.MULTILINE)


def test_every_stoker_line_of_the_readme_is_a_command() -> None:
    commands = [
        words for line in shell_lines((ROOT / "README.md").read_text(encoding="utf-8")) for words in commands_in(line)
    ]
    assert len(commands) > 3
    for words in commands:
        parse(words)


def test_every_example_of_the_help_is_a_command() -> None:
    examples = [line.strip() for line in REFERENCE.splitlines() if re.match(r"    .*\bstoker \w", line)]
    commands = [words for line in examples for words in commands_in(line)]
    assert len(commands) > 30
    for words in commands:
        parse(words)


def taken_by_the_shell(line: str) -> list[str]:
    """Variables that a shell would put its own values for: those outside single quotes."""
    return re.findall(r"\$\{?\w+", re.sub(r"'[^']*'|\"[^\"]*\"", lambda q: "" if q[0][0] == "'" else q[0], line))


def test_no_example_has_a_parameter_that_the_shell_would_take_away() -> None:
    own = {"$ID"}  # the README's, which is one of the shell's
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    lines = [line for line in REFERENCE.splitlines() if re.match(r"    .*\bstoker \w", line)] + shell_lines(readme)
    assert not [line for line in lines if not set(taken_by_the_shell(line)) <= own]
    assert taken_by_the_shell('stoker sql "select $id"') == ["$id"]
    assert taken_by_the_shell("stoker sql 'select $id'") == []


@pytest.mark.parametrize(
    "line", ["stoker topicz", "stoker topics list --nope", "stoker tail orders -n", "cat x | stoker sqll"]
)
def test_what_is_no_command_would_be_found(line: str) -> None:
    (words,) = commands_in(line)
    with pytest.raises((click.UsageError, AssertionError)):
        parse(words)
