"""The aborted transactions of a segment: `<base>.txnindex`, there only when something was aborted.

    entry, 34 bytes, big-endian, no header, no checksum
       0  2  version              0
       2  8  producer id
      10  8  first offset         of the transaction's first record in this partition, maybe in an earlier segment
      18  8  last offset          of the ABORT marker, which is in this segment; ascending
      26  8  last stable offset   when the marker was written

A read_committed reader of [fetch offset, upper bound) needs the entries with last offset >= fetch offset and first offset
< upper bound, from the segment of the fetch offset on, until an entry's last stable offset reaches the upper bound. A torn
tail (no multiple of 34) is cut; recovery rebuilds the entries from the markers (Kafka: TransactionIndex, AbortedTxn).
"""

import struct
from collections.abc import Iterable
from typing import NamedTuple

from engine.log.offset_index import CorruptIndex

ENTRY_BYTES = 34
_ENTRY = struct.Struct(">hqqqq")
_VERSION = 0


class AbortedTransactionEntry(NamedTuple):
    """One aborted transaction; all offsets inclusive but the last stable one, which is an end."""

    producer_id: int
    first_offset: int
    last_offset: int
    last_stable_offset: int


def encode_entry(entry: AbortedTransactionEntry) -> bytes:
    return _ENTRY.pack(_VERSION, *entry)


def decode_entries(data: bytes, base_offset: int) -> list[AbortedTransactionEntry]:
    """The entries in a file, in its order. Raises CorruptIndex on a bad length, version or order."""
    if len(data) % ENTRY_BYTES:
        raise CorruptIndex(f"{len(data)} bytes are no multiple of {ENTRY_BYTES}")
    entries: list[AbortedTransactionEntry] = []
    previous = base_offset - 1
    for version, producer_id, first_offset, last_offset, last_stable_offset in _ENTRY.iter_unpack(data):
        if version != _VERSION:
            raise CorruptIndex(f"version {version} is not known")
        if last_offset <= previous:
            raise CorruptIndex(f"last offset {last_offset} does not follow {previous}")
        previous = last_offset
        entries.append(AbortedTransactionEntry(producer_id, first_offset, last_offset, last_stable_offset))
    return entries


def collect_aborted(
    entries: Iterable[AbortedTransactionEntry], fetch_offset: int, upper_bound_offset: int
) -> tuple[list[AbortedTransactionEntry], bool]:
    """The entries that overlap [fetch_offset, upper_bound_offset), and whether later segments can have no more."""
    found: list[AbortedTransactionEntry] = []
    for entry in entries:
        if entry.last_offset >= fetch_offset and entry.first_offset < upper_bound_offset:
            found.append(entry)
        if entry.last_stable_offset >= upper_bound_offset:
            return found, True
    return found, False
