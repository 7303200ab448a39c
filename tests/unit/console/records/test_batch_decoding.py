"""Two readers of batches, of which nobody can see which one it was."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.records import batch_decoding
from console.records.batch_decoding import BatchDecoder
from engine.protocol.errors import ProtocolError
from engine.protocol.records.batch import TimestampType, parse_batch_header
from engine.protocol.records.compression import Compression
from engine.protocol.records.record import Record, build_batch, decode_records

payloads = st.one_of(st.none(), st.binary(max_size=100))
names = st.one_of(st.text(max_size=9), st.just(b"n\xff".decode(errors="surrogateescape")))
bodies = st.lists(
    st.tuples(st.integers(-1, 2**41), payloads, payloads, st.lists(st.tuples(names, payloads), max_size=3)),
    min_size=1,
    max_size=6,
)


def fast(data, position=0):
    decoder = BatchDecoder()
    records = decoder.decode(data, position, parse_batch_header(data, position))
    assert decoder._fast is not None
    return records


@pytest.fixture(autouse=True, scope="module")
def fast_for_properties():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch_decoding, "FAST_AFTER_RECORDS", 0)
        yield


@given(
    found=bodies,
    codec=st.sampled_from(list(Compression)),
    kind=st.sampled_from(list(TimestampType)),
    base=st.sampled_from([0, 2**40]),
)
def test_both_read_the_same(found, codec, kind, base):
    records = [Record(base + 2 * index, *body) for index, body in enumerate(found)]
    data = b"xyz" + build_batch(records, base_offset=base, compression=codec, timestamp_type=kind)

    assert fast(data, 3) == decode_records(data, 3, lenient=True)


@given(found=bodies, at=st.integers(61, 400), byte=st.integers(0, 255))
def test_both_say_the_same_of_damaged_batches(found, at, byte):
    data = bytearray(build_batch([Record(index, *body) for index, body in enumerate(found)]))
    data[min(at, len(data) - 1)] = byte

    def outcome(read):
        try:
            return read()
        except ProtocolError:
            return "damaged"

    assert outcome(lambda: fast(data)) == outcome(lambda: decode_records(data, lenient=True))
