"""What a partition knows about its idempotent and transactional producers.

Pure state: appends come in as numbers, time as an argument. Files are in `producer_snapshots`.

(Kafka: ProducerStateManager, ProducerStateEntry, ProducerAppendInfo; KIP-98, KIP-185, KIP-360.)
"""

from typing import NamedTuple

from engine.errors import KafkaError
from engine.log.producer_snapshot import SnapshotEntry
from engine.log.values import NO_PRODUCER_EPOCH, NO_SEQUENCE, NO_TIMESTAMP
from engine.protocol.errors import ErrorCode
from engine.runtime import safeguards

BATCHES_RETAINED = 5
"""How many batches per producer are remembered: as many as a producer may have in flight (KAFKA-5494)."""
DEFAULT_PRODUCER_ID_EXPIRATION_MS = 24 * 60 * 60 * 1000
_SEQUENCE_MAX = 2**31 - 1


class BatchMetadata(NamedTuple):
    """A batch a producer wrote: sequences and offsets, all inclusive."""

    first_sequence: int
    last_sequence: int
    first_offset: int
    last_offset: int
    timestamp_ms: int


class CompletedTransaction(NamedTuple):
    """A transaction whose marker has been seen. `last_offset` is the marker's."""

    producer_id: int
    first_offset: int
    last_offset: int
    is_aborted: bool


class ProducerStateEntry:
    """One producer on one partition. `batches` are its last five of the current epoch, oldest first."""

    __slots__ = (
        "batches",
        "coordinator_epoch",
        "current_transaction_first_offset",
        "last_timestamp_ms",
        "producer_epoch",
        "producer_id",
    )

    def __init__(self, producer_id: int) -> None:
        self.producer_id = producer_id
        self.producer_epoch = NO_PRODUCER_EPOCH
        self.coordinator_epoch = -1
        self.last_timestamp_ms = NO_TIMESTAMP
        self.current_transaction_first_offset = -1
        self.batches: list[BatchMetadata] = []

    @property
    def last_sequence(self) -> int:
        return self.batches[-1].last_sequence if self.batches else NO_SEQUENCE

    @property
    def last_data_offset(self) -> int:
        return self.batches[-1].last_offset if self.batches else -1

    def find_duplicate(self, producer_epoch: int, first_sequence: int, last_sequence: int) -> BatchMetadata | None:
        """The remembered batch with exactly these sequences."""
        if producer_epoch == self.producer_epoch:
            for batch in self.batches if safeguards.five_batches_are_remembered else self.batches[-1:]:
                if batch.first_sequence == first_sequence and batch.last_sequence == last_sequence:
                    return batch
        return None

    def advance_epoch(self, producer_epoch: int) -> None:
        if self.producer_epoch != producer_epoch:
            self.batches.clear()
            self.producer_epoch = producer_epoch

    def to_snapshot(self) -> SnapshotEntry:
        batch = self.batches[-1] if self.batches else None
        return SnapshotEntry(
            producer_id=self.producer_id,
            producer_epoch=self.producer_epoch,
            last_sequence=batch.last_sequence if batch else NO_SEQUENCE,
            last_offset=batch.last_offset if batch else -1,
            offset_delta=batch.last_offset - batch.first_offset if batch else 0,
            timestamp_ms=self.last_timestamp_ms,
            coordinator_epoch=self.coordinator_epoch,
            current_transaction_first_offset=self.current_transaction_first_offset,
        )

    @classmethod
    def from_snapshot(cls, saved: SnapshotEntry) -> "ProducerStateEntry":
        entry = cls(saved.producer_id)
        entry.producer_epoch = saved.producer_epoch
        entry.coordinator_epoch = saved.coordinator_epoch
        entry.last_timestamp_ms = saved.timestamp_ms
        entry.current_transaction_first_offset = saved.current_transaction_first_offset
        if saved.last_offset >= 0:
            # The first sequence is derived from the offsets' distance, modulo the wrap (Kafka: BatchMetadata.firstSeq).
            first_sequence = saved.last_sequence - saved.offset_delta
            if first_sequence < 0:
                first_sequence += _SEQUENCE_MAX + 1
            first_offset = saved.last_offset - saved.offset_delta
            entry.batches.append(
                BatchMetadata(first_sequence, saved.last_sequence, first_offset, saved.last_offset, saved.timestamp_ms)
            )
        return entry


class ProducerStateManager:
    """The producers of one partition, and its open and not yet replicated transactions.

    `map_end_offset` says up to where (exclusive) the log is reflected in here.
    """

    __slots__ = ("expiration_ms", "map_end_offset", "ongoing", "partition_name", "producers", "unreplicated")

    def __init__(self, partition_name: str, expiration_ms: int = DEFAULT_PRODUCER_ID_EXPIRATION_MS) -> None:
        self.partition_name = partition_name
        self.expiration_ms = expiration_ms
        self.producers: dict[int, ProducerStateEntry] = {}
        self.ongoing: dict[int, int] = {}
        """First offset -> producer id of each open transaction, ascending."""
        self.unreplicated: dict[int, int] = {}
        """First offset -> offset of the marker, of transactions whose marker is not below the high watermark yet."""
        self.map_end_offset = 0

    # Checks, which change nothing --------------------------------------------------------------------------------------

    def check_sequence(
        self, producer_id: int, producer_epoch: int, base_sequence: int, last_sequence: int, *, check_order: bool = True
    ) -> BatchMetadata | None:
        """Whether a data batch may be appended. Returns the earlier append when it is a duplicate.

        Raises KafkaError: INVALID_PRODUCER_EPOCH for an epoch that has been superseded, OUT_OF_ORDER_SEQUENCE_NUMBER for
        a gap. A producer that is not known may begin at any sequence: its state may have expired or been deleted with
        its records (KIP-360); UNKNOWN_PRODUCER_ID is no longer answered. `check_order` is for clients only.
        """
        entry = self.producers.get(producer_id)
        if entry is None:
            if check_order and base_sequence != 0 and not safeguards.unknown_producer_may_begin_anywhere:
                raise KafkaError(
                    ErrorCode.UNKNOWN_PRODUCER_ID,
                    f"producer {producer_id} sent sequence {base_sequence} to {self.partition_name}, where it is not known",
                )
            return None
        current_epoch = entry.producer_epoch
        if producer_epoch == current_epoch:
            if not check_order:
                return None
            batches = entry.batches
            last = batches[-1].last_sequence if batches else NO_SEQUENCE
            if base_sequence == last + 1 or (base_sequence == 0 and last == _SEQUENCE_MAX):
                return None
            if not safeguards.sequence_deduplication:
                return None
            duplicate = entry.find_duplicate(producer_epoch, base_sequence, last_sequence)
            if duplicate is not None:
                return duplicate
            raise KafkaError(
                ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
                f"producer {producer_id} sent sequence {base_sequence} to {self.partition_name}, "
                f"which does not follow {last}",
            )
        if producer_epoch < current_epoch:
            if not safeguards.older_producer_epoch_is_fenced:
                return None
            raise KafkaError(
                ErrorCode.INVALID_PRODUCER_EPOCH,
                f"producer {producer_id} sent epoch {producer_epoch} to {self.partition_name}, "
                f"where epoch {current_epoch} has been seen",
            )
        if (
            check_order
            and base_sequence != 0
            and current_epoch != NO_PRODUCER_EPOCH
            and safeguards.new_epoch_begins_at_sequence_zero
        ):
            raise KafkaError(
                ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
                f"producer {producer_id} began its epoch {producer_epoch} on {self.partition_name} "
                f"with sequence {base_sequence} instead of 0",
            )
        return None

    def check_transaction_state(self, producer_id: int, is_transactional: bool) -> None:
        """Raise INVALID_TXN_STATE for a plain batch of a producer with a transaction open here."""
        entry = self.producers.get(producer_id)
        if entry is not None and entry.current_transaction_first_offset >= 0 and not is_transactional:
            raise KafkaError(
                ErrorCode.INVALID_TXN_STATE,
                f"producer {producer_id} sent a batch outside its transaction open on {self.partition_name}",
            )

    def check_marker(self, producer_id: int, producer_epoch: int, coordinator_epoch: int) -> None:
        """Whether a COMMIT or ABORT marker may be appended by a coordinator.

        Raises KafkaError: INVALID_PRODUCER_EPOCH, TRANSACTION_COORDINATOR_FENCED.
        """
        entry = self.producers.get(producer_id)
        if entry is None:
            return
        if producer_epoch < entry.producer_epoch:
            raise KafkaError(
                ErrorCode.INVALID_PRODUCER_EPOCH,
                f"a marker of epoch {producer_epoch} for producer {producer_id} on {self.partition_name}, "
                f"where epoch {entry.producer_epoch} has been seen",
            )
        if coordinator_epoch < entry.coordinator_epoch:
            raise KafkaError(
                ErrorCode.TRANSACTION_COORDINATOR_FENCED,
                f"a marker of coordinator epoch {coordinator_epoch} for producer {producer_id} on "
                f"{self.partition_name}, where coordinator epoch {entry.coordinator_epoch} has been seen",
            )

    # Updates, after the append -------------------------------------------------------------------------------------------

    def on_data_batch(
        self,
        producer_id: int,
        producer_epoch: int,
        base_sequence: int,
        last_sequence: int,
        first_offset: int,
        last_offset: int,
        timestamp_ms: int,
        is_transactional: bool,
    ) -> None:
        """A batch with a producer id has been appended at `first_offset`..`last_offset`."""
        entry = self.producers.get(producer_id)
        if entry is None:
            entry = self.producers[producer_id] = ProducerStateEntry(producer_id)
        if entry.producer_epoch != producer_epoch:
            entry.advance_epoch(producer_epoch)
        batches = entry.batches
        if len(batches) == BATCHES_RETAINED:
            del batches[0]
        batches.append(BatchMetadata(base_sequence, last_sequence, first_offset, last_offset, timestamp_ms))
        entry.last_timestamp_ms = timestamp_ms
        if is_transactional and entry.current_transaction_first_offset < 0:
            entry.current_transaction_first_offset = first_offset
            self.ongoing[first_offset] = producer_id

    def on_marker(
        self,
        producer_id: int,
        producer_epoch: int,
        coordinator_epoch: int,
        offset: int,
        timestamp_ms: int,
        is_aborted: bool,
    ) -> CompletedTransaction | None:
        """A COMMIT or ABORT marker has been appended at `offset`.

        Returns the transaction it ends, to be handed to `complete`; None when none was open here (a marker for nothing).
        The timestamp that counts for expiry is the marker's (KAFKA-9144).
        """
        entry = self.producers.get(producer_id)
        if entry is None:
            entry = self.producers[producer_id] = ProducerStateEntry(producer_id)
        first_offset = entry.current_transaction_first_offset
        entry.advance_epoch(producer_epoch)
        entry.coordinator_epoch = coordinator_epoch
        entry.last_timestamp_ms = timestamp_ms
        entry.current_transaction_first_offset = -1
        if first_offset < 0:
            return None
        return CompletedTransaction(producer_id, first_offset, offset, is_aborted)

    def last_stable_offset_after(self, completed: CompletedTransaction) -> int:
        """The last stable offset once `completed` is done: what its entry in the transaction index says."""
        for first_offset, producer_id in self.ongoing.items():
            if producer_id != completed.producer_id:
                return first_offset
        return completed.last_offset + 1

    def complete(self, completed: CompletedTransaction) -> None:
        """The transaction is decided, but its marker may not be replicated yet: the last stable offset still waits."""
        if self.ongoing.pop(completed.first_offset, None) is None:
            raise AssertionError(f"{completed} on {self.partition_name} was not open")
        self.unreplicated[completed.first_offset] = completed.last_offset

    def on_high_watermark(self, high_watermark: int) -> None:
        """Markers below `high_watermark` are replicated."""
        done = [first for first, marker in self.unreplicated.items() if marker < high_watermark]
        for first_offset in done:
            del self.unreplicated[first_offset]

    # State -------------------------------------------------------------------------------------------------------------

    @property
    def first_unstable_offset(self) -> int:
        """The first offset that belongs to an undecided or unreplicated transaction; -1 when there is none."""
        first = -1
        if self.ongoing:
            first = next(iter(self.ongoing))
        if self.unreplicated:
            # Ascending by marker, not by first offset: transactions end in another order than they begin.
            unreplicated = min(self.unreplicated)
            first = unreplicated if first < 0 else min(first, unreplicated)
        return first

    @property
    def is_empty(self) -> bool:
        return not self.producers and not self.unreplicated

    def active(self) -> list[ProducerStateEntry]:
        """The producers known, in the order they first wrote (KIP-664)."""
        return list(self.producers.values())

    def has_ongoing_transaction(self, producer_id: int, producer_epoch: int) -> bool:
        """Whether that producer, in that epoch, has a transaction open here (KIP-890)."""
        entry = self.producers.get(producer_id)
        return (
            entry is not None and entry.current_transaction_first_offset >= 0 and entry.producer_epoch == producer_epoch
        )

    def remove_expired(self, now_ms: int) -> None:
        """Forget the producers without an open transaction that were silent for the expiration time."""
        for producer_id in [id_ for id_, entry in self.producers.items() if self._is_expired(entry, now_ms)]:
            del self.producers[producer_id]

    def _is_expired(self, entry: ProducerStateEntry, now_ms: int) -> bool:
        return entry.current_transaction_first_offset < 0 and now_ms - entry.last_timestamp_ms >= self.expiration_ms

    def clear(self, map_end_offset: int) -> None:
        self.producers.clear()
        self.ongoing.clear()
        self.unreplicated.clear()
        self.map_end_offset = map_end_offset

    def load(self, saved: list[SnapshotEntry], offset: int, now_ms: int) -> None:
        """Begin anew from the snapshot at `offset`; producers that have expired are left out."""
        self.clear(offset)
        for entry in map(ProducerStateEntry.from_snapshot, saved):
            if not self._is_expired(entry, now_ms):
                self.producers[entry.producer_id] = entry
        open_transactions = [
            (entry.current_transaction_first_offset, entry.producer_id)
            for entry in self.producers.values()
            if entry.current_transaction_first_offset >= 0
        ]
        self.ongoing.update(sorted(open_transactions))

    def to_snapshot(self) -> list[SnapshotEntry]:
        return [entry.to_snapshot() for entry in self.producers.values()]
