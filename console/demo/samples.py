"""The sample data there is: what its manifest says, its checked-in records, its generators. Found in a checkout and in an
installed package alike."""

from __future__ import annotations

import importlib
import random
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from types import ModuleType
from typing import Any

from console.errors import OperatorError
from console.records.json_form import record_from_json
from console.records.producing import NewRecord

PACKAGE = "sample_data"


@dataclass(frozen=True, slots=True)
class SampleTopic:
    """A topic of a sample, and how it is to be created."""

    name: str
    partition_count: int
    configs: Mapping[str, str]
    derived_from: str | None
    """The topic that a stream processor makes it from; None when a generator writes it."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A use case: its folder's name, and what the manifest says of it."""

    name: str
    title: str
    seed: int
    generated_count: int
    """Of records in the checked-in files that the generator made; derived ones come on top."""
    live_per_second: float
    topics: tuple[SampleTopic, ...]

    def records(self, topic: str) -> list[NewRecord]:
        """The checked-in records of one of its topics, in order, with their timestamps of June 2025."""
        text = files(PACKAGE).joinpath(self.name, f"{topic}.jsonl").read_text("utf-8")
        return [record_from_json(line) for line in text.splitlines()]

    def generated(self, first: int = 0) -> Iterator[tuple[str, NewRecord]]:
        """Topic and record without timestamp, endless, from record number `first` on: 0 begins as the files do."""
        for number, made in enumerate(self._generator().generate(random.Random(self.seed))):
            if number >= first:
                yield made.topic, as_record(made)

    def _generator(self) -> ModuleType:
        return importlib.import_module(f"{PACKAGE}.{self.name}.generate")


def as_record(made: Any) -> NewRecord:
    """A generator's record as one to be sent, without timestamp."""
    return record_from_json({"key": made.key, "value": made.value, "headers": made.headers})


def samples(names: Collection[str] | None = None) -> tuple[Sample, ...]:
    """All samples in the manifest's order, or those of `names`. Raises OperatorError for a name that is none."""
    manifest = tomllib.loads(files(PACKAGE).joinpath("manifest.toml").read_text("utf-8"))
    unknown = sorted(set(names or ()) - set(manifest))
    if unknown:
        raise OperatorError.words(f"there is no sample {unknown[0]!r}", f"There are {', '.join(manifest)}.")
    return tuple(
        Sample(
            name,
            table["title"],
            table["seed"],
            table["records"],
            table["live_per_second"],
            tuple(
                SampleTopic(each["name"], each["partitions"], each["configs"], each.get("derived_from"))
                for each in table["topics"]
            ),
        )
        for name, table in manifest.items()
        if names is None or name in names
    )
