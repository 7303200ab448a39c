"""Which partition of `__consumer_offsets` a group belongs to."""


def java_string_hash(text: str) -> int:
    """`String.hashCode()` of Java: over UTF-16 code units, as a signed 32-bit number."""
    result = 0
    if text.isascii():
        for code in text.encode("ascii"):
            result = (31 * result + code) & 0xFFFFFFFF
    else:
        raw = text.encode("utf-16-be", "surrogatepass")
        for index in range(0, len(raw), 2):
            result = (31 * result + (raw[index] << 8 | raw[index + 1])) & 0xFFFFFFFF
    return result - 0x1_0000_0000 if result & 0x8000_0000 else result


def partition_for(group_id: str, partition_count: int) -> int:
    """The partition that keeps `group_id` (Kafka: GroupCoordinatorService.partitionFor, with Utils.abs)."""
    number = java_string_hash(group_id)
    # Utils.abs: the most negative number has no positive twin and counts as 0.
    return (0 if number == -0x8000_0000 else abs(number)) % partition_count
