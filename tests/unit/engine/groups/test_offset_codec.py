"""The codec by hand for offset records agrees with the compiled one of all versions."""

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.groups.offset_codec import decode_offset_quickly, encode_offset_quickly
from engine.protocol.messages import OffsetCommitKey, OffsetCommitValue
from engine.protocol.record_values import encode_coordinator_key, encode_coordinator_value

text = st.text(st.characters(codec="utf-8"), max_size=40)
int64 = st.integers(-(2**63), 2**63 - 1)
int32 = st.integers(-(2**31), 2**31 - 1)
topic_ids = st.one_of(st.just(bytes(16)), st.binary(min_size=16, max_size=16))


def generally(group, topic, partition, value):
    key = encode_coordinator_key(OffsetCommitKey(group=group, topic=topic, partition=partition))
    return key, None if value is None else encode_coordinator_value(value, 4)


@settings(max_examples=200, deadline=None)
@given(text, text, int32, int64, int32, text, int64, topic_ids)
def test_both_codecs_give_the_same_bytes_and_read_them_back(
    group, topic, partition, offset, epoch, metadata, timestamp, topic_id
):
    key = (group, topic, partition)
    value = OffsetCommitValue(
        offset=offset, leader_epoch=epoch, metadata=metadata, commit_timestamp=timestamp, topic_id=topic_id
    )
    for each in (value, None):
        raw = generally(*key, each)
        quick = encode_offset_quickly(key, each)
        if quick is None:
            assert len(metadata.encode()) > 126
        else:
            assert quick == raw
            assert decode_offset_quickly(*raw) == (key, each)


def test_what_is_out_of_the_ordinary_is_left_to_the_general_codec():
    key, value = generally(
        "g", "t", 1, OffsetCommitValue(offset=1, metadata="m", commit_timestamp=2, topic_id=b"i" * 16)
    )
    assert decode_offset_quickly(key, value) is not None
    for cut in range(len(value)):
        assert decode_offset_quickly(key, value[:cut]) is None
    for cut in range(len(key)):
        assert decode_offset_quickly(key[:cut], value) is None
    assert decode_offset_quickly(key, b"\0\3" + value[2:]) is None
    assert decode_offset_quickly(b"\0\2" + key[2:], value) is None
    assert decode_offset_quickly(key, value + b"x") is None
    long = OffsetCommitValue(metadata="x" * 127)
    assert encode_offset_quickly(("g", "t", 1), long) is None
    assert encode_offset_quickly(("g", "t", 1), OffsetCommitValue(expire_timestamp=5)) is None
