"""Static members (KIP-345) and how they come back (KIP-814)."""

import pytest

from engine.groups.states import GroupState
from engine.protocol.errors import ErrorCode


@pytest.fixture
def static_group(world):
    """A stable group of the static members a (leader) and b; their JoinGroup answers."""
    joined = [world.join(instance_id=name) for name in ("a", "b")]
    world.sleep(1)
    assert joined[0].response.members
    world.sync(joined[1], instance_id="b")
    world.sync(
        joined[0],
        {joined[0].response.member_id: b"for a", joined[1].response.member_id: b"for b"},
        instance_id="a",
    )
    assert world.group().state is GroupState.STABLE
    return joined


def test_a_static_member_joins_without_asking_for_an_id_first(world):
    """Kafka: classicGroupJoinNewStaticMember."""
    joined = world.join(instance_id="a")
    world.sleep(1)
    assert joined.error is ErrorCode.NONE
    assert joined.response.members[0].group_instance_id == "a"


def test_a_restarted_follower_takes_its_place_again_without_a_rebalance(world, static_group):
    """Kafka: GroupMetadataManagerTest.testStaticMemberRejoinWithUnknownMemberIdAndChangeOfProtocol... unchanged."""
    back = world.join(instance_id="b")

    assert back.error is ErrorCode.NONE
    assert back.response.generation_id == 1
    assert back.response.member_id != static_group[1].response.member_id
    assert back.response.leader == static_group[0].response.member_id
    assert not back.response.skip_assignment
    assert back.response.members == []
    assert world.group().state is GroupState.STABLE
    assert world.sync(back, instance_id="b").response.assignment == b"for b"


def test_a_restarted_leader_is_told_to_leave_the_assignment_alone(world, static_group):
    """KIP-814; Kafka: testStaticMemberRejoinWithLeaderIdAndUnknownMemberIdAndSkipAssignment."""
    back = world.join(instance_id="a")
    assert back.response.skip_assignment
    assert back.response.leader == back.response.member_id
    assert len(back.response.members) == 2
    assert world.sync(back, instance_id="a").response.assignment == b"for a"


def test_before_version_9_a_restarted_leader_is_told_its_former_id_leads(world, static_group):
    """Kafka: testStaticMemberRejoinAsLeaderWithUnknownMemberId; supportsSkippingAssignment."""
    back = world.join(instance_id="a", version=8)
    assert back.response.leader == static_group[0].response.member_id
    assert back.response.members == []
    assert not back.response.skip_assignment


def test_the_new_id_of_a_static_member_is_persisted(world, static_group):
    """Kafka: testStaticMemberRejoinWithFollowerIdAndChangeOfProtocol... newGroupMetadataRecord."""
    back = world.join(instance_id="b")
    assert world.replayed().groups["group"].static_members["b"] == back.response.member_id


def test_the_former_id_of_a_static_member_is_fenced_everywhere(world, static_group):
    """Kafka: ClassicGroup.validateMember; testStaticMemberFenceDuplicateRejoin..."""
    old = static_group[1].response.member_id
    world.join(instance_id="b")
    assert world.heartbeat(old, 1, instance_id="b") is ErrorCode.FENCED_INSTANCE_ID
    assert world.sync(static_group[1], instance_id="b").error is ErrorCode.FENCED_INSTANCE_ID
    assert world.join(old, instance_id="b").error is ErrorCode.FENCED_INSTANCE_ID
    assert world.leave((old, "b")) == [ErrorCode.FENCED_INSTANCE_ID]
    commit = world.commit_offset(member_id=old, generation_id=1, instance_id="b")
    assert world.commit_code(commit) is ErrorCode.FENCED_INSTANCE_ID


def test_a_parked_join_of_the_former_id_is_fenced(world, static_group):
    """Kafka: ClassicGroup.replaceStaticMember; testStaticMemberFenceDuplicateRejoinedFollower."""
    old = world.join(static_group[0].response.member_id, instance_id="a")
    assert old.response is None
    new = world.join(instance_id="a")
    assert old.error is ErrorCode.FENCED_INSTANCE_ID
    assert new.response is None


def test_a_parked_sync_of_the_former_id_is_fenced(world):
    """Kafka: ClassicGroup.replaceStaticMember."""
    joined = [world.join(instance_id=name) for name in ("a", "b")]
    world.sleep(1)
    parked = world.sync(joined[1], instance_id="b")
    world.join(instance_id="b")
    assert parked.error is ErrorCode.FENCED_INSTANCE_ID
    assert world.group().state is GroupState.PREPARING_REBALANCE


def test_a_static_member_that_changes_the_groups_protocol_makes_it_rebalance(world):
    """Kafka: testStaticMemberRejoinWithUnknownMemberIdAndChangeOfProtocol."""
    joined = [world.join(instance_id=name, protocols=["range", "sticky"]) for name in ("a", "b")]
    world.sleep(1)
    world.sync(joined[1], instance_id="b")
    world.sync(joined[0], {}, instance_id="a")
    back = world.join(instance_id="b", protocols=["sticky"])
    assert back.response is None
    assert world.group().state is GroupState.PREPARING_REBALANCE


def test_a_static_member_that_is_away_keeps_its_place_in_a_rebalance(world, static_group):
    """Kafka: completeClassicGroupJoin removes dynamic members only."""
    again = world.join(static_group[0].response.member_id, instance_id="a")
    world.sleep(9000)
    world.heartbeat(static_group[1].response.member_id, 1, instance_id="b")
    assert again.response is None
    for _ in range(6):
        world.sleep(9000)
        world.heartbeat(static_group[1].response.member_id, 1, instance_id="b")
    assert again.response is not None, "the rebalance timeout is over"
    assert set(world.group().static_members) == {"a", "b"}
    assert len(again.response.members) == 2


def test_another_member_leads_when_the_static_leader_does_not_rejoin(world, static_group):
    """KIP-345; Kafka: maybeElectNewJoinedLeader."""
    again = world.join(static_group[1].response.member_id, instance_id="b", topics=["other"])
    for _ in range(7):
        world.sleep(9000)
        world.heartbeat(static_group[0].response.member_id, 1, instance_id="a")
    assert again.response.leader == static_group[1].response.member_id


def test_a_failed_write_brings_the_former_id_back(world, static_group):
    """Kafka: testStaticMemberRejoinAsFollowerWithUnknownMemberId... append error: revert."""
    old = static_group[1].response.member_id
    world.auto_commit = False
    back = world.join(instance_id="b")
    world.fail(ErrorCode.NOT_ENOUGH_REPLICAS)
    assert back.error is ErrorCode.COORDINATOR_NOT_AVAILABLE
    assert world.group().static_members["b"] == old
    assert world.heartbeat(old, 1, instance_id="b") is ErrorCode.NONE


def test_an_administrator_removes_a_static_member_by_its_instance_id(world, static_group):
    """KIP-345; Kafka: testStaticMemberLeave..., removeMembersFromConsumerGroup."""
    assert world.leave(("", "b"), ("", "c")) == [ErrorCode.NONE, ErrorCode.UNKNOWN_MEMBER_ID]
    assert set(world.group().static_members) == {"a"}
    assert world.group().state is GroupState.PREPARING_REBALANCE


def test_a_static_member_that_leaves_nothing_behind_expires_like_any_other(world, static_group):
    """Kafka: testStaticMemberHeartbeatLeaderWithInvalidMemberId, session timeout."""
    for _ in range(3):
        world.sleep(5000)
        world.heartbeat(static_group[0].response.member_id, 1, instance_id="a")
    assert set(world.group().static_members) == {"a"}


def test_an_instance_id_nobody_has_is_unknown(world, static_group):
    """Kafka: ClassicGroup.validateMember."""
    assert world.heartbeat(static_group[0].response.member_id, 1, instance_id="c") is ErrorCode.UNKNOWN_MEMBER_ID
