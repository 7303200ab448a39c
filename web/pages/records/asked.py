"""What the addresses of the records' pages say: which partitions, from where, which key, which filters.

    ?start=newest|oldest|-100|120|2026-05-01T12:00|5m    where a page, a search or a tail begins
    ?partition=0,2  ?key=text  ?all_partitions=1
    ?filter=any~error&filter=$.status=paid               see `web.api.records.asked.Filters`; all of them hold
    ?committed=1  ?aborted=1  ?markers=1                 transactions

The form has four fields for one more filter (`add_part`, `add_name`, `add_match`, `add_text`), which become a word of
`filter` in the address that one is sent to.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from console.errors import OperatorError
from console.records.positions import parse_position
from web.api.errors import ApiError
from web.api.records.asked import filter_of_words
from web.ask import Ask

FILTERS_MAX = 20
PARTITIONS_MAX = 10_000

STARTS = "Write newest, oldest, -100 (the last 100), an offset, 2026-05-01T12:00, 12:00, or 5m, 2h, 1d12h ago."

START_WORDS = {"": "end", "newest": "end", "oldest": "beginning"}
"""The page's words for places that Kafka calls end and beginning."""

PARTS = (
    ("any", "Anywhere"),
    ("key", "Key"),
    ("value", "Value"),
    ("headers", "Any header"),
    ("header", "Header…"),
    ("json", "JSON path…"),
)
MATCHES = (
    ("contains", "contains"),
    ("icontains", "contains, any case"),
    ("equals", "equals"),
    ("regex", "matches (RE2)"),
    ("present", "is there"),
    ("-contains", "does not contain"),
    ("-equals", "is not"),
    ("-regex", "does not match"),
    ("-present", "is not there"),
)
_OPERATORS = {"contains": "~", "icontains": "~~", "equals": "=", "regex": "~~", "present": "?"}


@dataclass(frozen=True, slots=True)
class RecordsAsked:
    """The same for all of these pages."""

    topic: str
    start: str
    """As the API has it: end, beginning, -N, …"""
    partitions: tuple[int, ...]
    key: str
    all_partitions: bool
    filters: tuple[str, ...]
    committed: bool
    aborted: bool
    markers: bool
    partition_text: str = ""
    """As it was typed, where it makes no sense."""
    wrong: Mapping[str, str] = field(default_factory=dict)
    """What makes no sense, by the name of the field."""

    @property
    def start_word(self) -> str:
        """As the page has it."""
        return next((word for word, place in START_WORDS.items() if word and place == self.start), self.start)

    def query(self, **changes: Any) -> dict[str, Any]:
        """Names and values that ask for the same, of a page of these; without what is the default."""
        asked: dict[str, Any] = {
            "start": self.start_word if self.start != "end" else None,
            "partition": ",".join(map(str, self.partitions)) or None,
            "key": self.key or None,
            "all_partitions": "1" if self.all_partitions else None,
            "filter": list(self.filters),
            "committed": "1" if self.committed else None,
            "aborted": "1" if self.aborted else None,
            "markers": "1" if self.markers else None,
        }
        return {name: value for name, value in {**asked, **changes}.items() if value not in (None, [], "")}

    def api(self, **changes: Any) -> dict[str, Any]:
        """The parameters of `/api/search`, `/api/tail` and `/api/export`."""
        asked: dict[str, Any] = {
            "topic": [self.topic],
            "start": self.start,
            "partition": [str(each) for each in self.partitions],
            "filter": list(self.filters),
            "isolation": "read_committed" if self.committed else "read_uncommitted",
        }
        if self.key:
            asked |= {"key": self.key, "all_partitions": "true" if self.all_partitions else "false"}
        return {name: value for name, value in {**asked, **changes}.items() if value not in (None, [], "")}


def address(path: str, query: Mapping[str, Any]) -> str:
    """`path` with the query; lists are repeated."""
    from urllib.parse import urlencode

    text = urlencode({name: value for name, value in query.items() if value is not None}, doseq=True)
    return f"{path}?{text}" if text else path


def read_asked(ask: Ask, start: str = "end") -> RecordsAsked:
    """What the address says; `start` where it says nothing. What makes no sense is in `wrong`, and asks for nothing."""
    word = ask.get("start").strip()[:100]
    place = START_WORDS.get(word, word) if word else start
    wrong: dict[str, str] = {}
    try:
        parse_position(place, time.time_ns() // 1_000_000)
    except OperatorError:
        wrong["start"] = f"{word[:40]!r} is no place. {STARTS}"
    typed = ",".join(ask.all("partition"))
    partitions: list[int] = []
    for text in typed.replace(" ", ",").split(","):
        if not text:
            continue
        if not (text.isascii() and text.isdecimal()) or len(text) > 10 or int(text) >= 2**31:
            wrong["partition"] = f"{text[:40]!r} is no partition. Write 0, or several as 0,3."
            break
        if int(text) not in partitions:
            partitions.append(int(text))
    if len(partitions) > PARTITIONS_MAX:
        wrong["partition"] = f"At most {PARTITIONS_MAX:,} partitions."
    return RecordsAsked(
        ask.part("topic"),
        place,
        tuple(sorted(partitions)),
        ask.get("key")[:10_000],
        ask.flag("all_partitions"),
        tuple(each[:10_000] for each in ask.all("filter") if each)[:FILTERS_MAX],
        ask.flag("committed"),
        ask.flag("aborted"),
        ask.flag("markers"),
        typed[:1_000] if "partition" in wrong else "",
        wrong,
    )


def added_filter(ask: Ask) -> str | None:
    """The word that the form's four fields make; None when they are empty."""
    part, text = ask.get("add_part"), ask.get("add_text")
    match = ask.get("add_match", "contains")
    if not part or (not text and match.lstrip("-") not in ("present", "equals")) or (not text and part == "any"):
        return None
    name = ask.get("add_name").strip()
    kind = match.lstrip("-")
    if part == "header":
        where = f"header:{name}" if name else "headers"
    elif part == "json":
        where = name if name.startswith("$") else f"$.{name}"
        kind = "equals"
    else:
        where = part
    if kind == "icontains":
        text = "(?i)" + "".join(each if each.isalnum() or each.isspace() else f"\\{each}" for each in text)
    operator = _OPERATORS.get(kind, "~")
    return ("!" if match.startswith("-") else "") + where + operator + ("" if operator == "?" else text)


def canonical(ask: Ask) -> str | None:
    """The address that says the same without the form's empty and helping fields; None when this one does."""
    names = set(ask.request.query_params.keys())
    empty = any(value == "" for _, value in ask.request.query_params.multi_items())
    if not empty and not names & {"add_part", "add_name", "add_match", "add_text"}:
        return None
    query: dict[str, list[str]] = {}
    for name, value in ask.request.query_params.multi_items():
        if value and not name.startswith("add_"):
            query.setdefault(name, []).append(value)
    if (word := added_filter(ask)) is not None:
        query.setdefault("filter", []).append(word)
        query.pop("cursor", None)
    return address(ask.path(ask.suffix if ask.suffix != "html" else ""), query)


def filter_problem(ask: Ask, asked: RecordsAsked) -> str:
    """What is wrong with a filter, in words; "" when nothing is."""
    try:
        filter_of_words(asked.filters, ask.cluster.decoder)
    except ApiError as error:
        return f"{error.failure.message}. {error.failure.hint}".strip()
    except OperatorError as error:
        return f"{error.title}. {error.detail or error.hint}".strip()
    return ""


def form_view(ask: Ask, asked: RecordsAsked, problem: str = "") -> dict[str, Any]:
    """What the form of these pages shows (`macros/records.html`)."""
    path = ask.path()
    return {
        "asked": asked,
        "problem": problem,
        "chips": [
            (word, address(path, asked.query(filter=[each for at, each in enumerate(asked.filters) if at != index])))
            for index, word in enumerate(asked.filters)
        ],
        "parts": PARTS,
        "matches": MATCHES,
        "starts": [(word, address(path, asked.query(start=word))) for word in ("newest", "oldest", "5m", "1h", "1d")],
        "exports": [
            (kind, ask.base + address("/api/export", asked.api(format=kind, **_whole(asked))))
            for kind in ("jsonl", "csv", "parquet")
        ],
        "tabs": tabs(ask, asked),
    }


def _whole(asked: RecordsAsked) -> dict[str, str]:
    # The newest page is the end of a topic: an export from there would be empty.
    return {"start": "beginning"} if asked.start == "end" else {}


def tabs(ask: Ask, asked: RecordsAsked) -> list[tuple[str, str, str, str]]:
    """Name, title, address and key of the records' pages, with what they have in common."""
    query = asked.query()
    after_end = {name: value for name, value in query.items() if name != "start"}

    def url(page: str) -> str:
        return ask.url("topics", asked.topic, page)

    return [
        ("browse", "Browse", address(url("records"), query), "b"),
        ("search", "Search", address(url("search"), query), "s"),
        ("tail", "Live tail", address(url("tail"), after_end), "l"),
        ("produce", "Produce", url("produce"), "i"),
    ]
