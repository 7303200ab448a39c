"""Which leader epoch begins at which offset: `leader-epoch-checkpoint` (format: `checkpoints`).

Epochs and start offsets both ascend; an epoch ends where the next begins. This is what followers and leaders compare to
find where their logs part (KIP-101, KIP-279; Kafka: LeaderEpochFileCache).

Kafka syncs the file whenever an epoch is added. Ours is written by the log's `flush` and `close`, before the recovery
point moves: every epoch that begins behind the recovery point can be read back from the batches, which recovery does.
"""

from bisect import bisect_left, bisect_right
from typing import NamedTuple

from engine.log.checkpoints import CorruptCheckpoint, decode_checkpoint, encode_checkpoint
from engine.log.values import UNDEFINED_EPOCH_END, EpochEndOffset


class EpochEntry(NamedTuple):
    """A leader epoch and the offset of its first record."""

    epoch: int
    start_offset: int


class LeaderEpochCache:
    """The epochs of one partition's log, ascending."""

    __slots__ = ("_epochs", "_start_offsets", "dirty", "latest_epoch")

    def __init__(self) -> None:
        self._epochs: list[int] = []
        self._start_offsets: list[int] = []
        self.latest_epoch = -1
        self.dirty = False
        """There is something the checkpoint file does not have yet."""

    @classmethod
    def decode(cls, data: bytes, path: str) -> "LeaderEpochCache":
        """The cache in a checkpoint file. Raises CorruptCheckpoint."""
        cache = cls()
        for line in decode_checkpoint(data, path):
            try:
                epoch, start_offset = map(int, line.split())
            except ValueError as error:
                raise CorruptCheckpoint(f"{path} has the line {line!r}") from error
            cache.assign(epoch, start_offset)
        cache.dirty = False
        return cache

    def copy(self) -> "LeaderEpochCache":
        """The same entries, to be kept as they are now."""
        cache = LeaderEpochCache()
        cache._epochs, cache._start_offsets = list(self._epochs), list(self._start_offsets)
        cache.latest_epoch = self.latest_epoch
        return cache

    def encode(self) -> bytes:
        return encode_checkpoint([f"{epoch} {offset}" for epoch, offset in self.entries()])

    def entries(self) -> list[EpochEntry]:
        return [EpochEntry(*pair) for pair in zip(self._epochs, self._start_offsets, strict=True)]

    def assign(self, epoch: int, start_offset: int) -> None:
        """`epoch` begins at `start_offset`. Once known, an epoch's start can only move down.

        Entries that contradict the new one (a later epoch, or a start at or behind it) go: they were of a leader whose
        records are being overwritten.
        """
        if epoch < 0 or start_offset < 0:
            raise ValueError(f"epoch {epoch} from offset {start_offset}: neither may be negative")
        epochs, starts = self._epochs, self._start_offsets
        if epochs and epoch == epochs[-1] and start_offset >= starts[-1]:
            return
        while epochs and (epochs[-1] >= epoch or starts[-1] >= start_offset):
            epochs.pop()
            starts.pop()
        epochs.append(epoch)
        starts.append(start_offset)
        self._changed()

    def end_offset_for(self, epoch: int, log_end_offset: int) -> EpochEndOffset:
        """Where `epoch` ends, or the largest epoch below it does.

        The latest epoch ends at the log end offset. An epoch before all that is known is answered with itself and the
        start of the first known one; one after all, and -1, with (-1, -1).
        """
        epochs = self._epochs
        if epoch < 0 or not epochs:
            return UNDEFINED_EPOCH_END
        if epoch == epochs[-1]:
            return EpochEndOffset(epoch, log_end_offset)
        higher = bisect_right(epochs, epoch)
        if higher == len(epochs):
            return UNDEFINED_EPOCH_END
        return EpochEndOffset(epochs[higher - 1] if higher else epoch, self._start_offsets[higher])

    def epoch_for_offset(self, offset: int) -> int:
        """The epoch of the record at `offset`, -1 when it is before all that is known."""
        slot = bisect_right(self._start_offsets, offset)
        return self._epochs[slot - 1] if slot else -1

    def truncate_from_end(self, end_offset: int) -> None:
        """Forget the epochs that begin at or behind `end_offset`."""
        count = bisect_left(self._start_offsets, end_offset)
        if count < len(self._epochs):
            del self._epochs[count:]
            del self._start_offsets[count:]
            self._changed()

    def truncate_from_start(self, start_offset: int) -> None:
        """Forget the epochs that end at or before `start_offset`; the one it falls into now begins there."""
        count = bisect_right(self._start_offsets, start_offset)
        if count and (count > 1 or self._start_offsets[0] != start_offset):
            del self._epochs[: count - 1]
            del self._start_offsets[: count - 1]
            self._start_offsets[0] = start_offset
            self._changed()

    def clear(self) -> None:
        if self._epochs:
            self._epochs.clear()
            self._start_offsets.clear()
            self._changed()

    def _changed(self) -> None:
        self.latest_epoch = self._epochs[-1] if self._epochs else -1
        self.dirty = True
