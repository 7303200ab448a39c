"""What was promised and what became of it: acknowledged records that are lost, records processed twice or skipped."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from engine.sim.classroom.disk_logs import text_of
from engine.sim.classroom.explain import Event
from engine.sim.classroom.looking import Looker
from engine.sim.classroom.view import LostView, RecordView, WorldView
from engine.sim.history import Fate, Send
from engine.types import TopicPartition

if TYPE_CHECKING:
    from engine.sim.classroom.world import Classroom

_ACKS_WHY = {
    -1: "acks=all was promised: every replica in the ISR had it, and none of them has it now.",
    1: "acks=1 promises no more than that the leader had it; the leader's copy is gone, and nobody else had one.",
}


class Keeper:
    """Of one classroom. A record is lost when it was acknowledged and is on no disk any more."""

    def __init__(self, room: Classroom) -> None:
        self._room = room
        self._sends_seen = 0
        self._open: list[Send] = []
        self._acked: dict[TopicPartition, dict[int, Send]] = {}
        self._compacted: dict[str, None] = {}
        self.lost: tuple[LostView, ...] = ()
        self.processed_twice = 0
        self.skipped = 0
        self._seen: dict[tuple[str, int], list[int]] = {}
        """(group, partition) -> offsets that its members have processed, in order."""
        self._read: dict[str, int] = {}
        self._committed: tuple[tuple[str, int, int], ...] = ()
        for topic in room.shape.topics:
            self.note_configs(topic.topic, topic.configs)

    def note_configs(self, topic: str, configs: Mapping[str, str]) -> None:
        """Records of compacted topics go as they should."""
        if "compact" in configs.get("cleanup.policy", ""):
            self._compacted[topic] = None

    def forget(self, topic: str) -> None:
        """The topic is deleted, its records with it."""
        for place in [place for place in self._acked if place.topic == topic]:
            del self._acked[place]

    def look(
        self, view: WorldView, looker: Looker, gone: Sequence[tuple[int, TopicPartition, list[RecordView]]]
    ) -> list[Event]:
        """At every tick; returns a line for each loss."""
        self._count(view)
        doubtful: dict[TopicPartition, list[int]] = {}
        for send in self._newly_acknowledged():
            place = send.topic_partition
            if place is not None and send.offset >= 0:
                self._acked.setdefault(place, {})[send.offset] = send
                doubtful.setdefault(place, []).append(send.offset)
        for _, place, records in gone:
            known = self._acked.get(place, {})
            doubtful.setdefault(place, []).extend(each.offset for each in records if each.offset in known)
        events: list[Event] = []
        for place, offsets in doubtful.items():
            if place.topic not in self._compacted:
                events.extend(self._lost_of(place, sorted(set(offsets)), view, looker))
        return events

    def _newly_acknowledged(self) -> list[Send]:
        sends = self._room.world.history.sends
        self._open.extend(sends[self._sends_seen :])
        self._sends_seen = len(sends)
        found = [send for send in self._open if send.fate is Fate.ACKNOWLEDGED]
        if found:
            self._open = [send for send in self._open if send.fate is Fate.UNKNOWN]
        return found

    def _lost_of(self, place: TopicPartition, offsets: list[int], view: WorldView, looker: Looker) -> list[Event]:
        try:
            partition = view.partition(place.topic, place.partition)
        except KeyError:
            return []
        start = max((log.log_start_offset for log in partition.logs if log.is_online), default=0)
        known = self._acked.get(place, {})
        lost: list[LostView] = []
        for offset in offsets:
            send = known[offset]
            value = text_of(send.value)
            held = False
            for log in partition.logs:
                disk_log = looker.log(log.node, place)
                record = disk_log.records.get(offset) if disk_log is not None else None
                if record is not None and record.value == value:
                    held = True
                    break
            if not held and offset >= start:
                del known[offset]
                lost.append(
                    LostView(place.topic, place.partition, offset, value, send.acks, send.producer.partition("/")[0])
                )
        if not lost:
            return []
        self.lost = (*self.lost, *lost)
        said = ", ".join(f"{each.value} (offset {each.offset})" for each in lost[:5])
        more = f" and {len(lost) - 5} more" if len(lost) > 5 else ""
        weakest = min(lost, key=lambda each: abs(each.acks))
        return [
            Event(
                "lost",
                f"LOST: {place} has {said}{more} no more, though acknowledged.",
                _ACKS_WHY.get(weakest.acks, ""),
                "KIP-106" if weakest.acks == -1 else "",
                is_bad=True,
                subject=str(place),
            )
        ]

    def _count(self, view: WorldView) -> None:
        """Who processed what."""
        changed = False
        for state in self._room.client_states():
            done = self._read.get(state.name, 0)
            if state.kind == "member" and len(state.processed) > done:
                for partition, processed in state.processed[done:]:
                    seen = self._seen.setdefault((state.group, partition), [])
                    place = bisect_left(seen, processed)
                    if place < len(seen) and seen[place] == processed:
                        self.processed_twice += 1
                    else:
                        seen.insert(place, processed)
                self._read[state.name] = len(state.processed)
                changed = True
        committed = tuple(
            (group.group, offset.partition, offset.committed) for group in view.groups for offset in group.offsets
        )
        if changed or committed != self._committed:
            self._committed = committed
            skipped = 0
            for group, partition, end in committed:
                skipped += end - bisect_left(self._seen.get((group, partition), ()), end)
            self.skipped = max(0, skipped)
