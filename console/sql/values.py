"""Values of a result as every format writes them: text for people, and what JSON can hold for programs."""

from __future__ import annotations

import base64
import datetime
import math
from decimal import Decimal
from typing import Any


def plain(value: Any, kind: str = "") -> Any:
    """The value in types that JSON has. Integers of any size stay integers, DECIMALs stay exact (as text), times become
    ISO 8601 in UTC, bytes become text where they are UTF-8 and base64 in {"base64": ...} where they are not."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else str(value)
        case datetime.datetime():
            return time_text(value)
        case datetime.date() | datetime.time():
            return value.isoformat()
        case bytes():
            try:
                return value.decode()
            except UnicodeDecodeError:
                return {"base64": base64.b64encode(value).decode()}
        case Decimal():
            return int(value) if "HUGEINT" in kind and value == value.to_integral_value() else str(value)
        case dict():
            return {str(name): plain(each) for name, each in value.items()}
        case list() if kind.startswith("MAP("):
            return {str(name): plain(each) for name, each in value}
        case list() | tuple():
            return [plain(each) for each in value]
    return str(value)


def time_text(value: datetime.datetime) -> str:
    """ISO 8601 with milliseconds, or microseconds where there are any; Z for UTC, nothing where no zone is known."""
    unit = "microseconds" if value.microsecond % 1000 else "milliseconds"
    if value.tzinfo is None:
        return value.isoformat(timespec=unit)
    return value.astimezone(datetime.UTC).replace(tzinfo=None).isoformat(timespec=unit) + "Z"
