"""The records of one batch: by our own reader, and after a while by the Cython one of aiokafka.

Its import takes as long as our own takes for a hundred thousand records: short readings never pay for it. What it
refuses, and what it might read otherwise than we do, our own reader decides: nobody can see which one read a batch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine.protocol.buffers import Buffer
from engine.protocol.records.batch import HEADER_BYTES, BatchHeader, codec_of
from engine.protocol.records.compression import DECOMPRESSED_BYTES_MAX, decompress
from engine.protocol.records.record import Record, decode_records, read_records

FAST_AFTER_RECORDS = 50_000
"""Decoded in this process, before the fast reader is imported."""

_CODEC_POSITION = 22
"""The low byte of the attributes."""


class BatchDecoder:
    """Decodes batches, and counts what it decoded."""

    def __init__(self) -> None:
        self._decoded = 0
        self._fast: Callable[[bytes], Any] | None = None
        self._is_tried = False

    def decode(self, data: Buffer, position: int, header: BatchHeader) -> list[Record]:
        """The records, with lenient header names. Raises ProtocolError (remote)."""
        self._decoded += header.records_count
        if self._decoded < FAST_AFTER_RECORDS:
            return decode_records(data, position, lenient=True)
        if not self._is_tried:
            self._is_tried = True
            self._fast = _fast_reader()
        if self._fast is None:
            return decode_records(data, position, lenient=True)
        view = memoryview(data)[position : position + header.size_bytes]
        payload = bytes(decompress(codec_of(header), view[HEADER_BYTES:], DECOMPRESSED_BYTES_MAX))
        head = bytearray(view[:HEADER_BYTES])
        head[_CODEC_POSITION] &= 0xF8  # it is decompressed already
        try:
            records = [
                Record(each.offset, each.timestamp, each.key, each.value, list(each.headers))
                for each in self._fast(bytes(head) + payload)
            ]
            if len(records) == header.records_count:
                return records
        except Exception:
            pass  # it raises whatever comes along; ours says what is wrong, or reads it
        return read_records(payload, header, lenient=True)


def _fast_reader() -> Callable[[bytes], Any] | None:
    try:
        from aiokafka.record._crecords.default_records import DefaultRecordBatch
    except ImportError:
        return None
    reader: Callable[[bytes], Any] = DefaultRecordBatch
    return reader


DECODER = BatchDecoder()
"""Of this process."""
