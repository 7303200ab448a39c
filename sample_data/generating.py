"""What generators have in common: the record they yield, and the command line that writes a sample.

    python -m sample_data.messaging.generate --count 5        JSON lines, as `stoker produce --json` reads them
    python -m sample_data.messaging.generate --write          the checked-in files anew

A generator is endless and depends on nothing but the random numbers it is given, so that record number n is always the
same: the demo goes on where the sample ends.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tomllib
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

FOLDER = Path(__file__).parent
SAMPLE_BEGINS_MS = 1_748_851_200_000
"""2025-06-02 08:00:00 UTC: in the past for everybody, since brokers refuse records from the future."""


class SampleRecord(NamedTuple):
    """A record to be sent. `value` is any JSON, None a tombstone; `after_ms` is the time since the record before it."""

    topic: str
    key: str | None
    value: Any
    headers: dict[str, str]
    after_ms: int


Generator = Callable[[random.Random], Iterator[SampleRecord]]
Derivation = Callable[[SampleRecord], SampleRecord | None]
"""What a stream processor makes of a record, None where it drops it."""


def json_line(record: SampleRecord, timestamp_ms: int) -> str:
    """The record as a line that `stoker produce --json` takes."""
    row: dict[str, Any] = {"topic": record.topic, "key": record.key, "value": record.value, "timestamp": timestamp_ms}
    if record.headers:
        row["headers"] = record.headers
    return json.dumps(row, ensure_ascii=False, separators=(",", ":"))


def sample_lines(
    generate: Generator, seed: int, count: int, derive: Derivation | None = None
) -> Iterator[tuple[str, str]]:
    """Topic and line of the first `count` records, each followed by what is derived from it at the same time."""
    timestamp_ms = SAMPLE_BEGINS_MS
    for record in islice(generate(random.Random(seed)), count):
        timestamp_ms += record.after_ms
        yield record.topic, json_line(record, timestamp_ms)
        derived = None if derive is None else derive(record)
        if derived is not None:
            yield derived.topic, json_line(derived, timestamp_ms)


def main(generate: Generator, folder: str, derive: Derivation | None = None) -> None:
    """The command line of a generator; `folder` is the use case's."""
    use_case = tomllib.loads((FOLDER / "manifest.toml").read_text("utf-8"))[folder]
    parser = argparse.ArgumentParser(description=f"Sample data: {use_case['title']}.")
    parser.add_argument("--seed", type=int, default=use_case["seed"])
    parser.add_argument(
        "--count", type=int, default=use_case["records"], help="records in all topics together, without derived ones"
    )
    parser.add_argument("--write", action="store_true", help="into the checked-in files, one for each topic")
    options = parser.parse_args()
    lines: dict[str, list[str]] = {topic["name"]: [] for topic in use_case["topics"]}
    for topic, line in sample_lines(generate, options.seed, options.count, derive):
        if options.write:
            lines[topic].append(line + "\n")
        else:
            sys.stdout.write(line + "\n")
    if options.write:
        for topic, some in lines.items():
            (FOLDER / folder / f"{topic}.jsonl").write_text("".join(some), "utf-8")
