"""The codecs a batch may be compressed with, each in the framing that the Java client writes and reads.

    0 none
    1 gzip    RFC 1952, one or several members
    2 snappy  xerial blocks: magic 82 'SNAPPY' 00, int32 version 1, int32 oldest compatible version 1, then per block an
              int32 size and raw snappy; without the magic all of it is one raw block, as some clients write
    3 lz4     LZ4 frame, 64 KiB blocks that do not depend on each other (Java reads no others)
    4 zstd    Zstandard frames, with or without content size

Decompression is bounded: no more than the limit (and one block of the codec) is ever held. Contexts of zstd are kept
per thread, because two threads in one context crash the interpreter.
"""

import struct
import threading
import zlib
from collections.abc import Callable
from enum import IntEnum

import cramjam
import lz4.frame
import zstandard

from engine.protocol.buffers import Buffer
from engine.protocol.errors import Blame, ProtocolError

DECOMPRESSED_BYTES_MAX = 128 * 1024 * 1024
"""Limit where the caller names none."""

_XERIAL_MAGIC = b"\x82SNAPPY\0"
_XERIAL_HEADER = _XERIAL_MAGIC + struct.pack(">ii", 1, 1)
_XERIAL_BLOCK_BYTES = 32 * 1024
_ZSTD_LEVEL = 3
_ZSTD_CHUNK_BYTES = 128 * 1024


class Compression(IntEnum):
    """Codecs by their number in the attributes of a batch (Kafka: CompressionType)."""

    NONE = 0
    GZIP = 1
    SNAPPY = 2
    LZ4 = 3
    ZSTD = 4


def compress(codec: int, data: Buffer) -> bytes:
    """`data` compressed. Raises ProtocolError (local) for an unknown codec."""
    function = _COMPRESSORS.get(codec)
    if function is None:
        raise ProtocolError(Blame.LOCAL, f"there is no compression codec {codec}")
    return function(data)


def decompress(codec: int, data: Buffer, limit_bytes: int = DECOMPRESSED_BYTES_MAX) -> bytes:
    """What `data` was before `compress`.

    Raises ProtocolError (remote) for an unknown codec, for damaged data and for more than `limit_bytes` of output.
    """
    function = _DECOMPRESSORS.get(codec)
    if function is None:
        raise ProtocolError(Blame.REMOTE, f"there is no compression codec {codec}")
    try:
        return function(data, limit_bytes)
    except ProtocolError:
        raise
    except Exception as error:  # every library raises its own
        raise ProtocolError(Blame.REMOTE, f"damaged {Compression(codec).name.lower()} data: {error}") from error


def _too_much(limit_bytes: int) -> ProtocolError:
    return ProtocolError(Blame.REMOTE, f"decompresses to more than the {limit_bytes} bytes allowed")


def _cut_short() -> ProtocolError:
    return ProtocolError(Blame.REMOTE, "compressed data is cut short")


def _copy(data: Buffer) -> bytes:
    return bytes(data)


def _copy_bounded(data: Buffer, limit_bytes: int) -> bytes:
    if len(data) > limit_bytes:
        raise _too_much(limit_bytes)
    return bytes(data)


def _gzip(data: Buffer) -> bytes:
    compressor = zlib.compressobj(zlib.Z_DEFAULT_COMPRESSION, zlib.DEFLATED, 31)
    return compressor.compress(data) + compressor.flush()


def _gunzip(data: Buffer, limit_bytes: int) -> bytes:
    rest: Buffer = data
    out: list[bytes] = []
    size = 0
    while True:
        member = zlib.decompressobj(31)
        piece = member.decompress(rest, limit_bytes - size + 1)
        size += len(piece)
        if size > limit_bytes:
            raise _too_much(limit_bytes)
        out.append(piece)
        if not member.eof:
            raise _cut_short()
        rest = member.unused_data
        if not rest:
            return b"".join(out)


def _snap(data: Buffer) -> bytes:
    out = [_XERIAL_HEADER]
    view = memoryview(data)
    for start in range(0, len(view), _XERIAL_BLOCK_BYTES):
        block = bytes(cramjam.snappy.compress_raw(view[start : start + _XERIAL_BLOCK_BYTES]))
        out += (struct.pack(">i", len(block)), block)
    return b"".join(out)


def _unsnap(data: Buffer, limit_bytes: int) -> bytes:
    view = memoryview(data)
    if view[: len(_XERIAL_MAGIC)] != _XERIAL_MAGIC:
        return _unsnap_block(view, limit_bytes, limit_bytes)
    out: list[bytes] = []
    remaining = limit_bytes
    position = 0
    while position < len(view):
        # Streams may be concatenated, each with its header (snappy-java: SnappyInputStream).
        if view[position : position + len(_XERIAL_MAGIC)] == _XERIAL_MAGIC:
            position += len(_XERIAL_HEADER)
            continue
        if position + 4 > len(view):
            raise _cut_short()
        (size,) = struct.unpack_from(">i", view, position)
        position += 4
        if not 0 <= size <= len(view) - position:
            raise _cut_short()
        block = _unsnap_block(view[position : position + size], remaining, limit_bytes)
        out.append(block)
        remaining -= len(block)
        position += size
    if position != len(view):
        raise _cut_short()
    return b"".join(out)


def _unsnap_block(block: memoryview, remaining: int, limit_bytes: int) -> bytes:
    # The size in front is what will be allocated: check it first.
    if cramjam.snappy.decompress_raw_len(block) > remaining:
        raise _too_much(limit_bytes)
    return bytes(cramjam.snappy.decompress_raw(block))


def _lz4(data: Buffer) -> bytes:
    compressed: bytes = lz4.frame.compress(
        data, block_size=lz4.frame.BLOCKSIZE_MAX64KB, block_linked=False, store_size=False
    )
    return compressed


def _unlz4(data: Buffer, limit_bytes: int) -> bytes:
    frame = lz4.frame.LZ4FrameDecompressor()
    out: bytes = frame.decompress(data, limit_bytes + 1)
    if len(out) > limit_bytes:
        raise _too_much(limit_bytes)
    if not frame.eof:
        raise _cut_short()
    return out


_local = threading.local()


def _zstd(data: Buffer) -> bytes:
    compressor: zstandard.ZstdCompressor | None = getattr(_local, "compressor", None)
    if compressor is None:
        compressor = _local.compressor = zstandard.ZstdCompressor(level=_ZSTD_LEVEL)
    return compressor.compress(data)


def _unzstd(data: Buffer, limit_bytes: int) -> bytes:
    decompressor: zstandard.ZstdDecompressor | None = getattr(_local, "decompressor", None)
    if decompressor is None:
        decompressor = _local.decompressor = zstandard.ZstdDecompressor()
    declared = zstandard.frame_content_size(data)
    if declared > limit_bytes:
        raise _too_much(limit_bytes)
    if declared > 0:
        try:
            return decompressor.decompress(data, allow_extra_data=False)
        except zstandard.ZstdError:
            pass  # more than one frame, or damaged: the slower way below tells
    out: list[bytes] = []
    size = 0
    with decompressor.stream_reader(data, read_across_frames=True) as reader:
        while chunk := reader.read(min(_ZSTD_CHUNK_BYTES, limit_bytes - size + 1)):
            size += len(chunk)
            if size > limit_bytes:
                raise _too_much(limit_bytes)
            out.append(chunk)
    if not _zstd_is_whole(data):
        raise _cut_short()
    return b"".join(out)


def _zstd_is_whole(data: Buffer) -> bool:
    """Whether `data` is frames from its first byte to its last; the stream reader takes a cut end for an end."""
    view = memoryview(data)
    while view:
        size = _zstd_frame_bytes(view)
        if size is None or size > len(view):
            return False
        view = view[size:]
    return True


def _zstd_frame_bytes(view: memoryview) -> int | None:
    """Size of the frame at the start of `view` (RFC 8878 section 3.1), walking its block headers; None when cut short."""
    if len(view) < 8:
        return None
    (magic,) = struct.unpack_from("<I", view, 0)
    if magic & 0xFFFFFFF0 == 0x184D2A50:  # skippable frame
        return 8 + int(struct.unpack_from("<I", view, 4)[0])
    descriptor = view[4]
    content_size_flag, single_segment, checksum = descriptor >> 6, descriptor >> 5 & 1, descriptor >> 2 & 1
    position = 5 + (1 - single_segment) + (0, 1, 2, 4)[descriptor & 3]
    position += (single_segment, 2, 4, 8)[content_size_flag]
    while position + 3 <= len(view):
        block = view[position] | view[position + 1] << 8 | view[position + 2] << 16
        last, kind, size = block & 1, block >> 1 & 3, block >> 3
        position += 3 + (1 if kind == 1 else size)
        if last:
            return position + 4 * checksum
    return None


_COMPRESSORS: dict[int, Callable[[Buffer], bytes]] = {
    Compression.NONE: _copy,
    Compression.GZIP: _gzip,
    Compression.SNAPPY: _snap,
    Compression.LZ4: _lz4,
    Compression.ZSTD: _zstd,
}
_DECOMPRESSORS: dict[int, Callable[[Buffer, int], bytes]] = {
    Compression.NONE: _copy_bounded,
    Compression.GZIP: _gunzip,
    Compression.SNAPPY: _unsnap,
    Compression.LZ4: _unlz4,
    Compression.ZSTD: _unzstd,
}
