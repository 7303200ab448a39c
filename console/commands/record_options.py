"""Options of the commands that read records: which ones are wanted, and which may be seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from console.commands.options import decode_option, invocation

if TYPE_CHECKING:
    from console.decoding.decoder import RecordDecoder
    from console.records.filters import RecordFilter

Function = TypeVar("Function", bound=Callable[..., Any])

_FILTER_OPTIONS = (
    click.option("-k", "--key", help="Only records with this key; only the partition it belongs to is read."),
    click.option("--all-partitions", is_flag=True, help="Look for --key everywhere: other clients place keys otherwise."),
    click.option("-g", "--grep", metavar="REGEX", help="Only records with REGEX (RE2) in key, value or a header."),
    click.option("--contains", metavar="TEXT", help="Only records with TEXT in key, value or a header."),
    click.option("-i", "--ignore-case", is_flag=True, help="For --grep, --contains and --header."),
    click.option("-v", "--invert", is_flag=True, help="For --grep and --contains: only records without it."),
    click.option(
        "-H", "--header", "headers", multiple=True, metavar="NAME[=VALUE]", help="Only with this header; repeatable."
    ),
    click.option(
        "-j", "--json", "json_paths", multiple=True, metavar="PATH=VALUE",
        help="Only values with VALUE at PATH (JSON, or as decoded), as order.items[0].id=7; repeatable.",
    ),
    click.option(
        "-w", "--where", metavar="SQL",
        help="Only where this SQL expression is true, as \"value->>'$.id' = '7' AND partition < 3\".",
    ),
)  # fmt: skip

_VISIBILITY_OPTIONS = (
    click.option("--committed", is_flag=True, help="Only records of committed transactions (read_committed)."),
    click.option("--aborted", "show_aborted", is_flag=True, help="As --committed, and aborted records marked as such."),
    click.option("--markers", is_flag=True, help="Transaction markers and other control records too."),
)


def filter_options(function: Function) -> Function:
    """Which records are wanted, and how they are decoded."""
    function = decode_option(function)
    for option in reversed(_FILTER_OPTIONS):
        function = option(function)
    return function


def visibility_options(function: Function) -> Function:
    """Which records may be seen."""
    for option in reversed(_VISIBILITY_OPTIONS):
        function = option(function)
    return function


def record_decoder() -> RecordDecoder:
    """As --decode says, and what is known of the cluster. Raises OperatorError."""
    from console.commands.session import find_call_target

    call = invocation()
    return find_call_target(call).decoder(call.decode)


def key_bytes(word: str | None, decoder: RecordDecoder, topics: Sequence[str]) -> bytes | None:
    """The key that --key names: in the format of the topics' keys where that says how to write it, else as UTF-8.

    Raises OperatorError for a word that is none of that format.
    """
    from console.decoding.formats import encode_word

    if word is None:
        return None
    formats = {decoder.wanted(topic).key for topic in topics}
    return encode_word(formats.pop() if len(formats) == 1 else "utf-8", word)


def record_filter(
    *,
    decoder: RecordDecoder | None = None,
    grep: str | None,
    contains: str | None,
    ignore_case: bool,
    invert: bool,
    headers: tuple[str, ...],
    json_paths: tuple[str, ...],
    where: str | None,
) -> RecordFilter:
    """The filter that those options say, but for the key. Raises OperatorError and click.UsageError."""
    from console.records.filters import Condition, Match, Part, RecordFilter

    conditions = []
    for text, match in ((grep, Match.REGEX), (contains, Match.CONTAINS)):
        if text is not None:
            conditions.append(Condition(Part.ANY, match, text, ignore_case=ignore_case, negate=invert))
    for word in headers:
        name, separator, value = word.partition("=")
        if not name:
            raise click.UsageError(f"--header {word!r} should be NAME or NAME=VALUE")
        match = Match.EQUALS if separator else Match.PRESENT
        conditions.append(Condition(Part.HEADERS, match, value, header=name, ignore_case=ignore_case))
    for word in json_paths:
        path, separator, value = word.partition("=")
        if not separator or not path:
            raise click.UsageError(f"--json {word!r} should be PATH=VALUE")
        conditions.append(Condition(Part.VALUE, Match.JSON, value, path=path))
    chosen = RecordFilter(tuple(conditions), where, decoder)
    # What makes no sense is told before anything is read.
    chosen.matcher()
    return chosen
