"""What went wrong in a worker, in the words of the console."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from console.errors import Blame, OperatorError
from console.sql.worker_process import WorkerGone


def seconds_text(ms: int) -> str:
    """A time limit in words."""
    return f"{ms / 1000:g} s"


def worker_gone(error: WorkerGone) -> OperatorError:
    return OperatorError(
        "the query was ended",
        f"the SQL worker is gone: {error}",
        "Ask for less at once: fewer columns, a range of offsets or time, a LIMIT. The next query gets a new worker.",
    )


_KINDS = {
    "ParserException": "the statement cannot be parsed",
    "BinderException": "the statement does not fit the tables",
    "CatalogException": "the statement names what does not exist",
    "OutOfMemoryException": "the query needs more memory than it may have",
    "PermissionException": "the statement wants what is not allowed here",
    "ConversionException": "a value cannot be converted",
    "InterruptException": "the query was ended",
}


def query_failed(failure: Mapping[str, Any]) -> OperatorError:
    """What the worker said went wrong."""
    kind, title, detail, hint = (str(failure.get(each, "")) for each in ("kind", "title", "detail", "hint"))
    if kind == "statement":
        return OperatorError(title, detail, hint, blame=Blame.WORDS)
    words = kind in ("ParserException", "BinderException", "CatalogException")
    message = title.partition("Error: ")[2] or title
    if "Malformed JSON" in message:
        hint = "value->>'$.field' is NULL where the value is no JSON; `->` and ::json are not so kind."
    marker = "failed: RuntimeError: "
    if marker in message:
        # What a scan failed with: the cluster's words, not DuckDB's.
        return OperatorError("the topic could not be read to its end", message.partition(marker)[2].strip())
    return OperatorError(
        _KINDS.get(kind, "the query failed"), message, hint, blame=Blame.WORDS if words else Blame.REFUSED
    )
