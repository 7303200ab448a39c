"""Figures and times as people read them; the console's own words, and those only a page needs."""

from __future__ import annotations

from datetime import UTC, datetime

from console.output.text import count, duration, plural, safe, size

MINUS = "\N{MINUS SIGN}"


def rate(value: float | None, unit: str = "") -> str:
    """Per second: "0", "0.4", "12", "3,400", "1.2 M"; with `unit` "B" in units of 1024. "-" for None."""
    if value is None:
        return "-"
    if unit == "B":
        return f"{size(round(value))}/s"
    if value >= 1e6:
        text = f"{value / 1e6:.1f} M"
    elif value >= 10 or value == round(value):
        text = f"{value:,.0f}"
    else:
        text = f"{value:.1f}"
    return f"{text}/s"


def milliseconds(value: float | None) -> str:
    """0.123 as "0.12 ms", 12.3 as "12 ms", 1234 as "1.2 s"; "-" for None."""
    if value is None:
        return "-"
    if value >= 1000:
        return f"{value / 1000:.1f} s"
    return f"{value:.0f} ms" if value >= 10 else f"{value:.1f} ms" if value >= 1 else f"{value:.2f} ms"


_NO_LIMIT = 2**62
"""Kafka's way to say never: Long.MAX_VALUE."""


def config_meaning(name: str, value: str | None) -> str:
    """What a property's number of ms or bytes is in larger units: "7d", "1.0 GiB", "no limit"; "" where it needs no
    saying."""
    if value is None or not value.isdecimal() or len(value) > 19:
        return ""
    number = int(value)
    words = name.split(".")
    is_time, is_size = words[-1] == "ms", "bytes" in words or words[-2:] == ["buffer", "size"]
    if not is_time and not is_size:
        return ""
    if number >= _NO_LIMIT:
        return "no limit"
    if is_time:
        return duration(number) if number >= 1_000 else ""
    return size(number) if number >= 1_024 else ""


def percent(share: float | None) -> str:
    """0.25 as "25 %"; "-" for None."""
    if share is None:
        return "-"
    return f"{share * 100:.1f} %" if 0 < share < 0.0995 else f"{share * 100:.0f} %"


def utc(milliseconds: int | None) -> str:
    """A timestamp in UTC with milliseconds; "-" for none. What no calendar has stays a number."""
    if milliseconds is None or milliseconds < 0:
        return "-"
    try:
        time = datetime.fromtimestamp(milliseconds // 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return str(milliseconds)
    return f"{time:%Y-%m-%d %H:%M:%S}.{milliseconds % 1000:03d} UTC"


def iso(milliseconds: int) -> str:
    """For `<time datetime>`; "" for what no calendar has."""
    try:
        return f"{datetime.fromtimestamp(milliseconds // 1000, UTC):%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03d}Z"
    except (OverflowError, ValueError, OSError):
        return ""


def cell(value: object, kind: str) -> str:
    """A value of a table as text, by the kind of its column (`web.tables.Column`)."""
    if value is None:
        return "-"
    match kind:
        case "bytes" if isinstance(value, int | float):
            return size(int(value))
        case "number" if isinstance(value, int):
            return count(value)
        case "byte_rate" if isinstance(value, int | float):
            return rate(value, "B")
        case "milliseconds" if isinstance(value, int | float):
            return milliseconds(value)
        case "rate" if isinstance(value, int | float):
            return rate(value)
        case "duration" if isinstance(value, int | float):
            return duration(int(value))
        case "time" if isinstance(value, int):
            return utc(value)
        case "percent" if isinstance(value, int | float):
            return percent(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(safe(str(each)) for each in value) or "-"
    return safe(str(value))


def safe_lines(text: str) -> str:
    """As `safe_text`, but line ends stay."""
    return "\n".join(safe(line) for line in text.split("\n"))


FILTERS = {
    "count": count,
    "bytes": size,
    "duration": duration,
    "rate": rate,
    "byte_rate": lambda value: rate(value, "B"),
    "percent": percent,
    "utc": utc,
    "iso": iso,
    "cell": cell,
    "safe_text": lambda value: safe(str(value)),
    "safe_lines": safe_lines,
    "plural": plural,
}
"""For templates. `safe_text` writes control and direction characters out; escaping is Jinja's."""
