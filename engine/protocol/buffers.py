"""The buffer types the wire takes and gives."""

from typing import TypeAlias

Buffer: TypeAlias = bytes | bytearray | memoryview
"""Bytes in any form; a `memoryview` must be contiguous and of format "B"."""

Records: TypeAlias = Buffer | list[Buffer] | None
"""Value of a `records` field: a buffer, or several that follow each other on the wire; decoding gives memoryview or None."""
