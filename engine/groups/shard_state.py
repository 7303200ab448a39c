"""What the parts of a shard share: its groups, its offsets, and the effects collected so far."""

import random
from dataclasses import dataclass, field

from engine.groups.classic_group import ClassicGroup
from engine.groups.effects import Append, CancelTimer, Effect, Respond, SetTimer, TimerKey, Token
from engine.groups.offsets import OffsetStore
from engine.groups.records import GroupStateRecord
from engine.groups.settings import GroupSettings
from engine.protocol.messages import GroupMetadataValue


@dataclass(slots=True, eq=False)
class ShardState:
    """Groups, offsets and outgoing effects of one partition of `__consumer_offsets`."""

    settings: GroupSettings
    random: random.Random
    """For member ids."""
    groups: dict[str, ClassicGroup] = field(default_factory=dict)
    offsets: OffsetStore = field(default_factory=OffsetStore)
    effects: list[Effect] = field(default_factory=list)

    def take_effects(self) -> list[Effect]:
        effects, self.effects = self.effects, []
        return effects

    def respond(self, token: Token, response: object) -> None:
        self.effects.append(Respond(token, response))

    def set_timer(self, key: TimerKey, delay_ms: int) -> None:
        self.effects.append(SetTimer(key, delay_ms))

    def cancel_timer(self, key: TimerKey) -> None:
        self.effects.append(CancelTimer(key))

    def append(self, effect: Append) -> None:
        self.effects.append(effect)


def group_record(group: ClassicGroup, assignments: dict[str, bytes]) -> GroupStateRecord:
    """The group as it is, with these assignments by member id (Kafka: newGroupMetadataRecord)."""
    return GroupStateRecord(
        group.group_id,
        GroupMetadataValue(
            protocol_type=group.protocol_type or "",
            generation=group.generation_id,
            protocol=group.protocol_name,
            leader=group.leader_id,
            current_state_timestamp=-1 if group.state_timestamp_ms is None else group.state_timestamp_ms,
            members=[
                GroupMetadataValue.MemberMetadata(
                    member_id=member.member_id,
                    group_instance_id=member.group_instance_id,
                    client_id=member.client_id,
                    client_host=member.client_host,
                    rebalance_timeout=member.rebalance_timeout_ms,
                    session_timeout=member.session_timeout_ms,
                    subscription=member.metadata(group.protocol_name),
                    assignment=assignments[member.member_id],
                )
                for member in group.members.values()
            ],
        ),
    )


def new_group_record(group: ClassicGroup) -> GroupStateRecord:
    """A group that was just created: empty, generation 0 (Kafka: newEmptyGroupMetadataRecord)."""
    return GroupStateRecord(
        group.group_id,
        GroupMetadataValue(
            protocol_type="",
            generation=0,
            protocol=None,
            leader=None,
            current_state_timestamp=-1 if group.state_timestamp_ms is None else group.state_timestamp_ms,
            members=[],
        ),
    )
