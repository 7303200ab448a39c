"""The prompt of `stoker sql`: several lines, history, completion of tables and columns.

A statement ends with a semicolon at the end of a line, or with an empty line.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.history import History
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

from console.commands.record_options import record_decoder
from console.commands.sql_output import print_plan, print_result
from console.errors import OperatorError
from console.failures import tell
from console.history.elsewhere import HistoryElsewhere
from console.output.render import FORMATS, say
from console.sql.completing import WORD, candidates
from console.sql.saved import SavedQuery, load_history, load_saved, remember, remove, save, saved
from console.sql.segment_files import local_data_dir
from console.sql.service import SqlService
from console.sql.topic_columns import TOPIC_COLUMNS

if TYPE_CHECKING:
    from console.sql.catalog import TableName
    from console.sql.results import SqlLimits
    from engine.net.cluster_client import ClusterClient


COMMANDS = {
    ".tables": "topics and tables",
    ".columns": "NAME: its columns",
    ".explain": "SQL: what it would read",
    ".output": f"{'|'.join(FORMATS)}: how rows are shown",
    ".limit": "N: rows at most, 0 all",
    ".save": "NAME: keep the last statement",
    ".saved": "statements that are kept",
    ".run": "NAME: run one that is kept",
    ".forget": "NAME: do not keep it any more",
    ".help": "this",
    ".quit": "or Ctrl-D",
}


class SqlCompleter(Completer):
    """Tables after FROM and JOIN, columns of the tables that are named, words of SQL, commands of the prompt."""

    def __init__(self, tables: Sequence[TableName]) -> None:
        self.tables = tables

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        before = document.text_before_cursor
        word = document.get_word_before_cursor(pattern=WORD)
        if before.lstrip().startswith(".") and " " not in before.lstrip():
            yield from (
                Completion(name, -len(before.lstrip()), display_meta=about)
                for name, about in COMMANDS.items()
                if name.startswith(before.lstrip())
            )
            return
        for text, about in candidates(before[: len(before) - len(word)], document.text, self.tables):
            if text.lower().lstrip('"').startswith(word.lower().lstrip('"')) and (word or about != "SQL"):
                yield Completion(text, -len(word), display_meta=about)


class _Remembered(History):
    """The history that all faces share."""

    def load_history_strings(self) -> Iterable[str]:
        return [each.sql for each in reversed(load_history())]

    def store_string(self, string: str) -> None:
        remember(string)


def is_complete(text: str) -> bool:
    """Whether Enter runs it."""
    stripped = text.strip()
    return not stripped or stripped.startswith(".") or stripped.endswith(";") or text.endswith("\n")


class Prompt:
    """One session at the prompt."""

    def __init__(self, service: SqlService, limits: SqlLimits) -> None:
        self._service = service
        self._limits = limits
        self._output = "table"
        self._last = ""

    async def run(self) -> None:
        tables = await self._service.catalog.tables()
        completer = SqlCompleter(tables)
        session: PromptSession[str] = PromptSession(
            history=_Remembered(),
            completer=completer,
            complete_while_typing=False,
            multiline=True,
            key_bindings=_keys(),
        )
        topics = sum(each.kind == "topic" for each in tables)
        say(
            f"{topics} topics, {len(tables) - topics} tables of the cluster. End with ; or an empty line. .help, Ctrl-D."
        )
        while True:
            try:
                text = await session.prompt_async("sql> ", prompt_continuation="...> ")
            except EOFError:
                return
            except KeyboardInterrupt:
                continue
            try:
                if not await self.answer(text):
                    return
                completer.tables = await self._service.catalog.tables()
            except OperatorError as error:
                tell(error)

    async def answer(self, text: str) -> bool:
        """Runs one statement or command. False to end. Raises OperatorError."""
        text = text.strip().rstrip(";").strip()
        if not text:
            return True
        if not text.startswith("."):
            self._last = text
            await self._run(text)
            return True
        command, _, rest = text.partition(" ")
        rest = rest.strip()
        match command:
            case ".quit" | ".exit":
                return False
            case ".help":
                for name, about in COMMANDS.items():
                    say(f"  {name:<10}{about}")
            case ".tables":
                await self._run("show tables")
            case ".columns":
                known = {name: (kind, about) for name, kind, about in TOPIC_COLUMNS}
                say("  of a topic: " + ", ".join(known)) if not rest else await self._run(f"describe {rest}")
            case ".explain":
                print_plan(await self._service.explain(rest or self._last, None, self._limits), "table")
            case ".output" if rest in FORMATS:
                self._output = rest
            case ".limit" if rest.isdigit():
                self._limits = replace(self._limits, rows_max=int(rest) or None)
            case ".save" if rest and self._last:
                save(SavedQuery(rest, self._last))
                say(f"Saved as {rest}.")
            case ".saved":
                for query in load_saved().values():
                    say(f"  {query.name}: {' '.join(query.sql.split())}")
            case ".run" if rest:
                self._last = saved(rest).sql
                await self._run(self._last)
            case ".forget" if rest:
                remove(rest)
            case _:
                raise OperatorError.words(f"{text!r} is no command of the prompt", ".help lists them.")
        return True

    async def _run(self, sql: str) -> Any:
        return await print_result(self._service, sql, {}, self._limits, self._output)


def _keys() -> KeyBindings:
    keys = KeyBindings()

    @keys.add("enter")
    def _enter(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if is_complete(buffer.text) and buffer.document.is_cursor_at_the_end:
            buffer.validate_and_handle()
        else:
            buffer.insert_text("\n")

    return keys


async def prompt(client: ClusterClient, limits: SqlLimits) -> None:
    """Until Ctrl-D."""
    tables = (HistoryElsewhere(client),)
    files = local_data_dir(client)
    async with SqlService(client, providers=tables, data_dir=files, decoder=record_decoder()) as service:
        await Prompt(service, limits).run()
