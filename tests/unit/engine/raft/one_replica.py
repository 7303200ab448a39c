"""One replica of a quorum of three, whose peers and disk are the test: it says what arrives, and looks at what goes out."""

import random
from typing import Any, TypeVar

from engine.protocol.errors import ErrorCode
from engine.protocol.message import Message
from engine.protocol.messages import (
    BeginQuorumEpochRequest,
    EndQuorumEpochRequest,
    FetchRequest,
    FetchResponse,
    FetchSnapshotRequest,
    FetchSnapshotResponse,
    VoteRequest,
    VoteResponse,
)
from engine.raft.effects import Effect, FlushLog, PersistElectionState, Respond, SendRequest
from engine.raft.messages import (
    begin_quorum_epoch_request,
    end_quorum_epoch_request,
    fetch_request,
    fetch_response,
    vote_request,
    vote_response,
)
from engine.raft.replica import RaftReplica
from engine.raft.types import ElectionState, RaftConfig, ReplicaKey
from engine.types import OffsetAndEpoch
from tests.unit.engine.raft.memory_log import DATA, Batch, MemoryLog

ME, OTHER, THIRD = 1, 2, 3
OBSERVER = 9
E = TypeVar("E")


class OneReplica:
    """Replica 1 of voters 1, 2, 3 unless told otherwise. `now` is the time in ms; `effects` everything that came out."""

    def __init__(
        self,
        *,
        stored: ElectionState | None = None,
        log: MemoryLog | None = None,
        voters: tuple[int, ...] = (ME, OTHER, THIRD),
        node_id: int = ME,
        **settings: Any,
    ) -> None:
        self.now = 0.0
        self.log = log or MemoryLog()
        self.config = RaftConfig(
            node_id=node_id, voters=tuple(ReplicaKey(voter) for voter in voters), cluster_id="c", **settings
        )
        self.replica = RaftReplica(self.config, self.log, stored, random.Random(7), self.now)
        self.effects: list[Effect] = []
        self.latest: list[Effect] = []
        self._take(self.replica.start(self.now))

    def _take(self, effects: list[Effect]) -> list[Effect]:
        self.latest = effects
        self.effects += effects
        return effects

    # what happens

    def advance(self, ms: float) -> list[Effect]:
        """Time passes; everything that is due meanwhile is done."""
        until = self.now + ms
        collected: list[Effect] = []
        while self.replica.wake_ms <= until:
            self.now = max(self.now, self.replica.wake_ms)
            collected += self.replica.poll(self.now)
        self.now = until
        collected += self.replica.poll(self.now)
        return self._take(collected)

    def receives(self, request: Message) -> Any:
        """A request arrives; its answer, None while there is none."""
        self._take(self.replica.on_request("request", request, self.now))
        answers = [effect.message for effect in self.latest if isinstance(effect, Respond)]
        return answers[-1] if answers else None

    def answers(self, node_id: int, response: Message | None) -> list[Effect]:
        """The latest request to that node is answered."""
        sent = [effect for effect in self.effects if isinstance(effect, SendRequest) and effect.node_id == node_id]
        return self._take(self.replica.on_response(node_id, sent[-1].correlation_id, response, self.now))

    def flushes(self) -> list[Effect]:
        """The disk has done the latest flush that was asked for."""
        asked = [effect for effect in self.effects if isinstance(effect, FlushLog)][-1]
        return self._take(self.replica.on_log_flushed(asked.end_offset, asked.generation, self.now))

    def appends(self, records: bytes) -> list[Effect]:
        return self._take(self.replica.append(records, self.replica.epoch, self.now))

    # what came out

    def latest_of(self, kind: type[E]) -> list[E]:
        return [effect for effect in self.latest if isinstance(effect, kind)]

    def requests(self, kind: type[E]) -> dict[int, E]:
        """The latest requests of that kind by addressee."""
        return {e.node_id: e.message for e in self.latest_of(SendRequest) if isinstance(e.message, kind)}

    @property
    def persisted(self) -> ElectionState | None:
        states = [effect.state for effect in self.effects if isinstance(effect, PersistElectionState)]
        return states[-1] if states else None

    @property
    def state(self) -> str:
        return type(self.replica.state).__name__

    # short ways

    def becomes_candidate(self) -> "OneReplica":
        self.advance(4_500 if self.state != "Unattached" else 2_000)
        self.advance(0)
        for node_id in (OTHER, THIRD):
            if self.state == "Prospective":
                self.answers(node_id, vote_response(ErrorCode.NONE, -1, self.replica.epoch, True, None))
        assert self.state == "Candidate"
        return self

    def becomes_leader(self) -> "OneReplica":
        self.becomes_candidate()
        self.answers(OTHER, vote_response(ErrorCode.NONE, -1, self.replica.epoch, True, None))
        assert self.state == "Leader"
        return self

    def follows(self, leader_id: int = OTHER, epoch: int = 1) -> "OneReplica":
        self.receives(begins(leader_id, epoch))
        assert self.state == "Follower"
        return self


def log_of(*epochs: int) -> MemoryLog:
    """A log with one record for each epoch given, all on disk."""
    log = MemoryLog()
    log.batches = [Batch(offset, epoch, DATA, b"x%d" % offset) for offset, epoch in enumerate(epochs)]
    log.durable = log.copy_for_flush()
    return log


def asks_vote(
    epoch: int, *, end: tuple[int, int] = (0, 0), pre_vote: bool = False, candidate: int = OTHER, voter: int = ME
) -> VoteRequest:
    return vote_request(
        cluster_id="c",
        epoch=epoch,
        replica=ReplicaKey(candidate),
        voter=ReplicaKey(voter),
        end=OffsetAndEpoch(*end),
        pre_vote=pre_vote,
    )


def vote_of(response: VoteResponse) -> tuple[int, bool]:
    partition = response.topics[0].partitions[0]
    return partition.error_code, partition.vote_granted


def begins(leader_id: int, epoch: int) -> BeginQuorumEpochRequest:
    return begin_quorum_epoch_request(
        cluster_id="c", epoch=epoch, leader_id=leader_id, voter=ReplicaKey(ME), leader=None
    )


def ends(leader_id: int, epoch: int, successors: list[int]) -> EndQuorumEpochRequest:
    return end_quorum_epoch_request(
        cluster_id="c",
        epoch=epoch,
        leader_id=leader_id,
        preferred_successors=[ReplicaKey(node_id) for node_id in successors],
        leader=None,
    )


def fetches(
    replica_id: int, epoch: int, end: tuple[int, int], *, high_watermark: int = -1, wait_ms: int = 500
) -> FetchRequest:
    return fetch_request(
        cluster_id="c",
        replica=ReplicaKey(replica_id),
        epoch=epoch,
        end=OffsetAndEpoch(*end),
        high_watermark=high_watermark,
        log_start_offset=0,
        max_bytes=1 << 20,
        max_wait_ms=wait_ms,
    )


def fetched(leader_id: int, epoch: int, **fields: Any) -> FetchResponse:
    return fetch_response(ErrorCode.NONE, leader_id=leader_id, epoch=epoch, leader=None, **fields)


def partition_of(response: FetchResponse | FetchSnapshotResponse) -> Any:
    topics = response.responses if isinstance(response, FetchResponse) else response.topics
    return topics[0].partitions[0]


__all__ = ["FetchRequest", "FetchSnapshotRequest", "MemoryLog", "VoteRequest"]
