"""What compaction has to know of transactions while it walks through a log (Kafka: CleanedTransactionMetadata).

Records of aborted transactions go at once: the transaction index says which they are. A marker stays until a run meets
none of its transaction's records any more; from then on it is treated like a tombstone, and goes delete.retention.ms
later. The index of the cleaned segments keeps the entries of those aborted transactions whose batches were still met.
"""

from collections.abc import Iterable

from engine.log.producer_snapshots import read_marker
from engine.log.transaction_index import AbortedTransactionEntry
from engine.protocol.buffers import Buffer
from engine.protocol.records.batch import BatchHeader


class CleanedTransactions:
    """Feed it every batch in the order of offsets, once; with the aborted transactions of that range."""

    def __init__(self, aborted: Iterable[AbortedTransactionEntry]) -> None:
        self._coming = sorted(aborted, key=lambda entry: entry.first_offset, reverse=True)
        self._aborted: dict[int, AbortedTransactionEntry] = {}
        """Producer id -> its aborted transaction that has begun."""
        self._seen_aborted: set[int] = set()
        self._seen_committed: set[int] = set()
        self.kept: list[AbortedTransactionEntry] = []
        """Entries for the index of the segment being written; the writer takes them out."""

    def on_data(self, header: BatchHeader) -> bool:
        """Whether the batch belongs to an aborted transaction and can go."""
        if not header.is_transactional:
            return False
        self._begin_up_to(header.last_offset)
        producer_id = header.producer_id
        if producer_id in self._aborted:
            self._seen_aborted.add(producer_id)
            return True
        self._seen_committed.add(producer_id)
        return False

    def on_control(self, header: BatchHeader, batch: Buffer) -> bool:
        """Whether the control batch has outlived its use. Raises ProtocolError for a malformed marker."""
        self._begin_up_to(header.last_offset)
        if header.records_count == 0:
            return True
        marker = read_marker(batch, header)
        producer_id = header.producer_id
        if marker is None:
            return False
        if not marker.is_aborted:
            was_seen = producer_id in self._seen_committed
            self._seen_committed.discard(producer_id)
            return not was_seen
        entry = self._aborted.pop(producer_id, None)
        if entry is None or producer_id not in self._seen_aborted:
            return True
        self._seen_aborted.discard(producer_id)
        self.kept.append(entry)
        return False

    def _begin_up_to(self, offset: int) -> None:
        coming = self._coming
        while coming and coming[-1].first_offset <= offset:
            entry = coming.pop()
            self._aborted.setdefault(entry.producer_id, entry)
