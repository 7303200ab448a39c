"""Heartbeats, sessions, leaving, and what a change of coordinator does to them."""

import pytest

from engine.groups.settings import GroupSettings
from engine.groups.states import GroupState
from engine.protocol.errors import ErrorCode
from engine.runtime import safeguards


def test_a_heartbeat_renews_the_session(world):
    """Kafka: GroupMetadataManagerTest.testHeartbeatMaintainsSession."""
    (joined,) = world.stable_group(1)
    for _ in range(5):
        world.sleep(9999)
        assert world.heartbeat(joined.response.member_id, 1) is ErrorCode.NONE
    world.sleep(10_000)
    assert world.heartbeat(joined.response.member_id, 1) is ErrorCode.UNKNOWN_MEMBER_ID


def test_a_commit_renews_the_session(world):
    """Kafka: OffsetMetadataManagerTest.testCommitOffsetWithGenerationId...; testCommitMaintainsSession."""
    (joined,) = world.stable_group(1)
    world.sleep(9999)
    world.commit_offset(member_id=joined.response.member_id, generation_id=1)
    world.sleep(9999)
    assert world.heartbeat(joined.response.member_id, 1) is ErrorCode.NONE


def test_heartbeats_of_the_wrong_generation_group_or_member_are_refused(world):
    """Kafka: testHeartbeatIllegalGeneration, testHeartbeatUnknownGroup, testHeartbeatUnknownConsumerExistingGroup."""
    (joined,) = world.stable_group(1)
    assert world.heartbeat(joined.response.member_id, 2) is ErrorCode.ILLEGAL_GENERATION
    assert world.heartbeat(joined.response.member_id, 1, group_id="other") is ErrorCode.UNKNOWN_MEMBER_ID
    assert world.heartbeat("someone", 1) is ErrorCode.UNKNOWN_MEMBER_ID


def test_heartbeats_are_taken_while_the_assignment_is_made(world):
    """Kafka: testHeartbeatDuringRebalance..., COMPLETING_REBALANCE."""
    joined = world.join_dynamic()
    world.sleep(1)
    assert world.heartbeat(joined.response.member_id, 1) is ErrorCode.NONE


def test_a_member_that_fails_makes_the_others_rebalance(world):
    """Kafka: testSessionTimeout."""
    leader, follower = world.stable_group(2)
    world.sleep(6000)
    world.heartbeat(leader.response.member_id, 1)
    world.sleep(6000)
    assert world.group().state is GroupState.PREPARING_REBALANCE
    assert list(world.group().members) == [leader.response.member_id]
    assert world.heartbeat(follower.response.member_id, 1) is ErrorCode.UNKNOWN_MEMBER_ID


def test_a_group_whose_members_all_failed_is_empty_at_the_next_generation(world):
    """Kafka: testSessionTimeout, testRebalanceCompletesBeforeMemberJoins; the empty group is written."""
    world.stable_group(2)
    world.sleep(10_000)
    assert world.group().state is GroupState.EMPTY
    assert world.group().generation_id == 2
    replayed = world.replayed().groups["group"]
    assert (replayed.state, replayed.generation_id, replayed.protocol_type) == (GroupState.EMPTY, 2, "consumer")


def test_a_pending_member_that_does_not_come_back_is_forgotten(world):
    """Kafka: testPendingMembersLeaveGroup, testNewMemberTimeoutCompletion, expireClassicGroupMemberHeartbeat."""
    world.join()
    assert world.group().pending_members
    world.sleep(10_000)
    assert not world.group().pending_members


def test_a_pending_member_holds_the_join_phase_until_it_is_forgotten(world):
    """Kafka: hasAllMembersJoined counts pending members; removePendingMemberAndUpdateClassicGroup."""
    leader, follower = world.stable_group(2, session_timeout_ms=30_000)
    world.join(session_timeout_ms=7000)
    joins = [world.join(each.response.member_id, topics=["new"]) for each in (leader, follower)]
    assert joins[0].response is None
    world.sleep(7000)
    assert [each.error for each in joins] == [ErrorCode.NONE] * 2


def test_a_new_member_that_never_gets_its_answer_is_dropped_after_five_minutes(world):
    """Kafka: testNewMemberJoinExpiration; classicGroupNewMemberJoinTimeoutMs."""
    joined = world.stable_group(1, rebalance_timeout_ms=600_000, session_timeout_ms=600_000)
    newcomer = world.join_dynamic(rebalance_timeout_ms=600_000)
    world.sleep(299_999)
    assert newcomer.response is None
    world.sleep(1)
    assert newcomer.error is ErrorCode.UNKNOWN_MEMBER_ID
    assert list(world.group().members) == [joined[0].response.member_id]


def test_a_new_member_that_dies_while_it_joins_is_dropped_after_its_session(world):
    """KAFKA-9752: its first JoinGroup answer reaches nobody, and its session counts from then on."""

    def members_after_a_session():
        for member_id in list(world.group().members):
            world.leave(member_id)
        joined = world.join_dynamic()
        world.sleep(3000)
        assert joined.error is ErrorCode.NONE
        world.sleep(60_000)
        return list(world.group().members)

    world.stable_group(1)
    assert members_after_a_session() == []
    with safeguards.without("new_members_expire"):
        assert len(members_after_a_session()) == 1


def test_a_parked_request_stands_for_a_heartbeat(world):
    """Kafka: ClassicGroupMember.hasSatisfiedHeartbeat."""
    leader, follower = world.stable_group(2)
    waiting = world.join(leader.response.member_id)
    for _ in range(3):
        world.sleep(9000)
        world.heartbeat(follower.response.member_id, 1)
    assert leader.response.member_id in world.group().members
    assert waiting.response is None


def test_a_member_that_leaves_makes_the_others_rebalance(world):
    """Kafka: testValidLeaveGroup."""
    leader, follower = world.stable_group(2)
    assert world.leave(follower.response.member_id) == [ErrorCode.NONE]
    assert world.group().state is GroupState.PREPARING_REBALANCE
    again = world.join(leader.response.member_id)
    assert again.response.generation_id == 2


def test_the_last_member_that_leaves_empties_the_group_at_once(world):
    """Kafka: testValidLeaveGroup, single member."""
    (joined,) = world.stable_group(1)
    world.leave(joined.response.member_id)
    assert world.group().state is GroupState.EMPTY
    assert not [key for key in world.timers if key.member_id == joined.response.member_id]


def test_several_members_leave_at_once_and_each_has_its_answer(world):
    """Kafka: testLeaveGroup batch; KIP-345."""
    leader, follower = world.stable_group(2)
    pending = world.join().response.member_id
    answers = world.leave(leader.response.member_id, "someone", pending, follower.response.member_id)
    assert answers == [ErrorCode.NONE, ErrorCode.UNKNOWN_MEMBER_ID, ErrorCode.NONE, ErrorCode.NONE]
    assert world.group().state is GroupState.EMPTY


def test_leaving_a_group_that_does_not_exist(world):
    """Kafka: testLeaveGroupUnknownGroup; GroupCoordinatorService answers for each member."""
    assert world.leave("someone", group_id="other") == [ErrorCode.UNKNOWN_MEMBER_ID]


def test_a_member_that_leaves_while_it_waits_is_told_so(world):
    """Kafka: removeCurrentMemberFromClassicGroup completes the parked join."""
    leader, _ = world.stable_group(2)
    waiting = world.join(leader.response.member_id)
    world.leave(leader.response.member_id)
    assert waiting.error is ErrorCode.UNKNOWN_MEMBER_ID


def test_a_new_coordinator_gives_members_their_session_again(world):
    """Kafka: GroupMetadataManagerTest.testOnLoaded; onLoaded schedules heartbeats."""
    leader, follower = world.stable_group(2)
    world.sleep(9999)
    world.fail_over()
    world.sleep(9999)
    assert world.heartbeat(leader.response.member_id, 1) is ErrorCode.NONE
    world.sleep(1)
    assert follower.response.member_id not in world.group().members


def test_a_group_that_is_too_large_for_its_new_coordinator_rebalances(make_world):
    """Kafka: testOnLoadedExceedGroupMaxSizeTriggersRebalance."""
    world = make_world(GroupSettings(initial_rebalance_delay_ms=0))
    world.stable_group(3)
    members = [world.shard.groups["group"].members[member_id] for member_id in world.group().members]
    world.settings = GroupSettings(group_max_size=2)
    world.fail_over()
    assert world.group().state is GroupState.PREPARING_REBALANCE
    joined = [world.join(member.member_id) for member in members]
    assert [each.error for each in joined] == [ErrorCode.NONE, ErrorCode.NONE, ErrorCode.GROUP_MAX_SIZE_REACHED]


def test_everybody_who_waits_when_the_coordinator_moves_is_sent_away(world):
    """Kafka: GroupMetadataManagerTest.testOnUnloaded."""
    leader, _ = world.stable_group(2)
    joining = world.join(leader.response.member_id)
    other = [world.join_dynamic(group_id="other") for _ in range(2)]
    world.sleep(1)
    follower = next(each for each in other if not each.response.members)
    syncing = world.sync(follower, group_id="other")
    world.fail_over()
    assert joining.error is syncing.error is ErrorCode.NOT_COORDINATOR


@pytest.mark.parametrize("state", list(GroupState))
def test_a_group_only_moves_along_the_table_of_transitions(state, world):
    """Kafka: ClassicGroupTest.test*Transition, ClassicGroupState.validPreviousStates."""
    from engine.errors import InvariantViolation
    from engine.groups.classic_group import ClassicGroup
    from engine.groups.states import LEGAL_TRANSITIONS

    for target in GroupState:
        group = ClassicGroup("group", state=state)
        if target in LEGAL_TRANSITIONS[state]:
            group.transition_to(target, 0)
            assert (group.state, group.previous_state) == (target, state)
        else:
            with pytest.raises(InvariantViolation):
                group.transition_to(target, 0)
