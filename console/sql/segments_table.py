"""The table `segments`: the files of a cluster that `stoker up` runs on this machine."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from console.errors import OperatorError
from console.sql.system_tables import Filled, SystemTable
from engine.log.file_names import LOG_SUFFIX, SEGMENT_SUFFIXES, file_name, offset_of
from engine.net.cluster_client import ClusterClient

_NODE = re.compile(r"node-(\d+)")
_PARTITION = re.compile(r"(.+)-(\d+)")

SEGMENT_COLUMNS = (
    ("node_id", "int", ""),
    ("topic", "text", ""),
    ("partition", "int", ""),
    ("base_offset", "long", ""),
    ("is_active", "bool", "records are appended to it"),
    ("size_bytes", "long", "of the records"),
    ("index_bytes", "long", "of its indexes, as far as they are written"),
    ("modified", "time", ""),
)


def segments_table(data_dir: Path | None) -> SystemTable:
    """The table of that data directory; without one it says that it cannot be filled."""

    async def fill(_: ClusterClient) -> Filled:
        import asyncio

        if data_dir is None:
            raise OperatorError(
                "segments: this cluster's files are not on this machine",
                hint="The table is there for a cluster that `stoker up` runs here.",
            )
        return await asyncio.to_thread(_rows, data_dir), []

    return SystemTable(
        "segments", "Segment files of each replica; clusters on this machine only.", SEGMENT_COLUMNS, fill
    )


def _rows(data_dir: Path) -> list[Any]:
    rows = []
    for node in _directories(data_dir):
        node_name = _NODE.fullmatch(node.name)
        for directory in _directories(node) if node_name is not None else ():
            partition = _PARTITION.fullmatch(directory.name)
            if node_name is not None and partition is not None:
                rows += _segments(directory, int(node_name[1]), partition[1], int(partition[2]))
    return rows


def _directories(path: Path) -> list[Path]:
    try:
        return sorted((each for each in path.iterdir() if each.is_dir()), key=lambda each: each.name)
    except OSError:
        return []


def _segments(directory: Path, node_id: int, topic: str, partition: int) -> list[dict[str, Any]]:
    """What is deleted while we look is left out."""
    try:
        names = os.listdir(directory)
    except OSError:
        return []
    bases = sorted(offset_of(name) for name in names if name.endswith(LOG_SUFFIX) and offset_of(name) >= 0)
    rows = []
    for base in bases:
        sizes = {}
        for suffix in SEGMENT_SUFFIXES:
            try:
                sizes[suffix] = os.stat(directory / file_name(base, suffix))
            except OSError:
                continue
        if LOG_SUFFIX in sizes:
            rows.append(
                {
                    "node_id": node_id,
                    "topic": topic,
                    "partition": partition,
                    "base_offset": base,
                    "is_active": base == bases[-1],
                    "size_bytes": sizes[LOG_SUFFIX].st_size,
                    "index_bytes": sum(each.st_size for suffix, each in sizes.items() if suffix != LOG_SUFFIX),
                    "modified": int(sizes[LOG_SUFFIX].st_mtime * 1000),
                }
            )
    return rows
