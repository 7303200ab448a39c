"""The four codecs, in the framing of the Java client."""

import random
import struct
import threading
import zlib

import cramjam
import lz4.frame
import pytest
import zstandard

from engine.protocol.errors import Blame, ProtocolError
from engine.protocol.records.compression import Compression, compress, decompress

CODECS = list(Compression)
DATA = [
    b"",
    b"a",
    b"some text, some text, some text",
    b"\0" * 200_000,
    random.Random(1).randbytes(70_000),
    b"".join(b'{"id": %d, "status": "ok"}\n' % number for number in range(5000)),
]


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("data", DATA, ids=len)
def test_what_is_compressed_is_decompressed(codec: Compression, data: bytes) -> None:
    packed = compress(codec, data)
    assert decompress(codec, packed, len(data)) == data
    assert decompress(codec, memoryview(packed), len(data)) == data
    assert decompress(codec, compress(codec, bytearray(data))) == data


@pytest.mark.parametrize("codec", CODECS)
def test_more_than_the_limit_is_refused(codec: Compression) -> None:
    for data in (b"x" * 100_000, random.Random(2).randbytes(100_000)):
        packed = compress(codec, data)
        for limit in (0, 1, 99_999):
            with pytest.raises(ProtocolError, match=f"more than the {limit} bytes") as caught:
                decompress(codec, packed, limit)
            assert caught.value.kind is Blame.REMOTE


@pytest.mark.parametrize("codec", [Compression.GZIP, Compression.LZ4, Compression.ZSTD])
def test_a_bomb_is_not_unpacked(codec: Compression) -> None:
    """A few kilobytes that stand for many megabytes: no more than the limit and a block is held."""
    import tracemalloc

    bomb = {
        Compression.GZIP: lambda data: compress(Compression.GZIP, data),
        Compression.LZ4: lambda data: compress(Compression.LZ4, data),
        # without content size, as streaming clients write it
        Compression.ZSTD: lambda data: zstandard.ZstdCompressor(write_content_size=False).compress(data),
    }[codec](bytes(64 * 1024 * 1024))
    tracemalloc.start()
    with pytest.raises(ProtocolError, match="more than"):
        decompress(codec, bomb, 1_000_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8_000_000


def test_a_snappy_or_zstd_size_that_is_a_lie_is_not_allocated() -> None:
    with pytest.raises(ProtocolError, match="more than"):
        decompress(Compression.SNAPPY, b"\xff\xff\xff\xff\x07abc", 1000)
    frame = bytearray(zstandard.ZstdCompressor().compress(b"x" * 100_000))
    assert zstandard.frame_content_size(bytes(frame)) == 100_000
    with pytest.raises(ProtocolError, match="more than"):
        decompress(Compression.ZSTD, frame, 99_999)


@pytest.mark.parametrize("codec", [Compression.GZIP, Compression.LZ4, Compression.ZSTD])
def test_data_cut_short_is_refused(codec: Compression) -> None:
    packed = compress(codec, DATA[5])
    cuts = [*range(40), *range(40, len(packed), 97), len(packed) - 1]
    for cut in cuts:
        with pytest.raises(ProtocolError):
            decompress(codec, packed[:cut])


def test_snappy_cut_within_a_block_is_refused() -> None:
    packed = compress(Compression.SNAPPY, b"abcdefgh" * 100)
    for cut in range(17, len(packed)):
        with pytest.raises(ProtocolError):
            decompress(Compression.SNAPPY, packed[:cut])


@pytest.mark.parametrize("codec", CODECS[1:])
def test_garbage_raises_nothing_but_protocol_error(codec: Compression) -> None:
    rng = random.Random(3)
    sound = compress(codec, DATA[2] * 20)
    for _ in range(300):
        data = bytearray(sound)
        for _ in range(rng.randint(1, 4)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        try:
            decompress(codec, data, 100_000)
        except ProtocolError:
            continue


def test_snappy_is_framed_as_xerial_does() -> None:
    """snappy-java: SnappyOutputStream, blocks of 32 KiB."""
    packed = compress(Compression.SNAPPY, bytes(40_000))
    assert packed[:16] == b"\x82SNAPPY\x00" + struct.pack(">ii", 1, 1)
    (size,) = struct.unpack_from(">i", packed, 16)
    assert cramjam.snappy.decompress_raw(packed[20 : 20 + size]).read() == bytes(32 * 1024)


def test_snappy_without_frame_and_in_concatenated_streams_is_read() -> None:
    """snappy-java: SnappyInputStream reads both."""
    assert decompress(Compression.SNAPPY, bytes(cramjam.snappy.compress_raw(b"raw " * 100))) == b"raw " * 100
    twice = compress(Compression.SNAPPY, b"one") + compress(Compression.SNAPPY, b"two")
    assert decompress(Compression.SNAPPY, twice) == b"onetwo"


def test_gzip_of_several_members_is_read() -> None:
    """java.util.zip.GZIPInputStream reads them."""
    packed = compress(Compression.GZIP, b"one") + compress(Compression.GZIP, b"two")
    assert decompress(Compression.GZIP, packed, 6) == b"onetwo"
    assert zlib.decompress(compress(Compression.GZIP, b"abc"), 31) == b"abc"


def test_lz4_blocks_do_not_depend_on_each_other() -> None:
    """Kafka: Lz4BlockInputStream reads no other frames."""
    info = lz4.frame.get_frame_info(compress(Compression.LZ4, DATA[5]))
    assert not info["block_linked"]
    assert info["block_size"] == 65536
    linked = lz4.frame.compress(DATA[5], block_linked=True, content_checksum=True)
    assert decompress(Compression.LZ4, linked) == DATA[5]


def test_zstd_without_content_size_and_of_several_frames_is_read() -> None:
    streamed = zstandard.ZstdCompressor(write_content_size=False, write_checksum=True).compress(DATA[5])
    assert decompress(Compression.ZSTD, streamed) == DATA[5]
    assert decompress(Compression.ZSTD, streamed + compress(Compression.ZSTD, b"more")) == DATA[5] + b"more"


@pytest.mark.parametrize("codec", [5, 6, 7, -1])
def test_an_unknown_codec_is_refused(codec: int) -> None:
    with pytest.raises(ProtocolError, match=f"no compression codec {codec}"):
        decompress(codec, b"")
    with pytest.raises(ProtocolError) as caught:
        compress(codec, b"")
    assert caught.value.kind is Blame.LOCAL


def test_threads_do_not_share_contexts() -> None:
    """Two threads in one zstd context crash the interpreter."""
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(30):
                assert decompress(Compression.ZSTD, compress(Compression.ZSTD, DATA[5])) == DATA[5]
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
