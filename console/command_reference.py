"""COMMANDS.md: every command with its help, written from the commands themselves.

`python -m console.command_reference` (`./dev commands`) writes it; a test holds that it agrees.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path

import click

from console.cli import COMMANDS, cli

REFERENCE_PATH = Path(__file__).resolve().parents[1] / "COMMANDS.md"
WIDTH = 98
"""Columns of the help in a terminal of 100 or more (click keeps two free)."""

_HEAD = """\
# Commands

What `stoker COMMAND --help` says, for every command. Written by `./dev commands`; do not edit.

"""


def reference_text() -> str:
    """COMMANDS.md as it should be."""
    contents, pages = [], []
    for section, commands in COMMANDS.items():
        contents.append(f"\n**{section}**\n\n")
        pages.append(f"\n## {section}\n")
        for name, (_, summary) in commands.items():
            if not _is_installed(name):
                continue
            contents.append(f"- [`stoker {name}`](#{_anchor(f'stoker {name}')}): {summary}\n")
            for words, help_text in command_pages(name):
                pages.append(
                    f"\n{'#' * min(2 + len(words), 4)} {' '.join(['stoker', *words])}\n\n```\n{help_text}\n```\n"
                )
    overview = f"\n## stoker\n\n```\n{_help(cli, _root())}\n```\n"
    return _HEAD + "".join(contents).lstrip("\n") + overview + "".join(pages)


def command_pages(name: str) -> Iterator[tuple[list[str], str]]:
    """The words after `stoker` and the help of a command and of all those below it."""
    root = _root()
    command = cli.get_command(root, name)
    assert command is not None
    yield from _pages(command, root, [name])


def _root() -> click.Context:
    return click.Context(cli, info_name="stoker", terminal_width=WIDTH, help_option_names=["-h", "--help"])


def _pages(command: click.Command, parent: click.Context, words: list[str]) -> Iterator[tuple[list[str], str]]:
    context = click.Context(command, parent=parent, info_name=words[-1])
    yield words, _help(command, context)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            if below is not None and not below.hidden:
                yield from _pages(below, context, [*words, name])


def _help(command: click.Command, context: click.Context) -> str:
    return "\n".join(line.rstrip() for line in command.get_help(context).splitlines())


def _is_installed(name: str) -> bool:
    module = next(section[name][0] for section in COMMANDS.values() if name in section).partition(":")[0]
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def main() -> None:
    """Writes COMMANDS.md."""
    REFERENCE_PATH.write_text(reference_text(), encoding="utf-8")


if __name__ == "__main__":
    main()
