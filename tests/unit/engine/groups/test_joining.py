"""Joining, the join phase and the sync phase of classic groups."""

import pytest

from engine.groups.settings import GroupSettings
from engine.groups.states import GroupState
from engine.protocol.errors import ErrorCode


def test_a_member_without_id_is_told_its_id_and_joins_with_it(world):
    """KIP-394; Kafka: GroupMetadataManagerTest.testJoinGroupUnknownMemberNewGroup / testJoinGroupNewMember..."""
    first = world.join()
    assert first.error is ErrorCode.MEMBER_ID_REQUIRED
    assert first.response.member_id.startswith("client-")

    second = world.join(first.response.member_id)
    world.sleep(1)

    assert second.error is ErrorCode.NONE
    assert second.response.generation_id == 1
    assert second.response.leader == second.response.member_id == first.response.member_id
    assert [member.member_id for member in second.response.members] == [first.response.member_id]


def test_before_version_4_a_member_joins_at_once(world):
    """Kafka: JoinGroupRequest.requiresKnownMemberId."""
    joined = world.join(version=3)
    world.sleep(1)
    assert joined.error is ErrorCode.NONE
    assert joined.response.generation_id == 1


def test_an_unknown_member_id_is_refused_without_founding_a_group(world):
    """Kafka: GroupMetadataManagerTest.testJoinGroupUnknownMemberNewGroup."""
    joined = world.join("someone")
    assert joined.error is ErrorCode.UNKNOWN_MEMBER_ID
    assert world.shard.groups == {}


def test_a_new_group_is_in_the_log_before_anybody_has_joined(world):
    """Kafka: GroupMetadataManagerTest.testNewMemberJoinExpiration... newEmptyGroupMetadataRecord."""
    world.join()
    (record,) = world.records()
    assert (record.group_id, record.value.generation, record.value.members) == ("group", 0, [])


def test_a_new_group_that_cannot_be_written_is_dropped_and_its_members_told(world):
    """Kafka: GroupMetadataManagerTest.testJoinGroupAppendErrorConversion."""
    world.auto_commit = False
    joined = world.join(instance_id="a")
    world.fail(ErrorCode.NOT_ENOUGH_REPLICAS)
    assert joined.error is ErrorCode.COORDINATOR_NOT_AVAILABLE
    assert world.shard.groups == {}
    assert world.timers == {}


@pytest.mark.parametrize(("protocol_type", "protocols"), [("", ["range"]), ("consumer", [])])
def test_the_first_member_must_name_a_protocol(world, protocol_type, protocols):
    """Kafka: testJoinGroupWithEmptyProtocolType / WithEmptyGroupProtocol."""
    joined = world.join(protocol_type=protocol_type, protocols=protocols)
    assert joined.error is ErrorCode.INCONSISTENT_GROUP_PROTOCOL


def test_a_member_of_another_protocol_type_is_refused(world):
    """Kafka: GroupMetadataManagerTest.testJoinGroupInconsistentProtocolType."""
    world.stable_group(1)
    assert world.join(protocol_type="connect").error is ErrorCode.INCONSISTENT_GROUP_PROTOCOL


def test_a_member_that_shares_no_protocol_with_all_others_is_refused(world):
    """Kafka: GroupMetadataManagerTest.testJoinGroupInconsistentGroupProtocol."""
    world.stable_group(1, protocols=["range", "sticky"])
    assert world.join(protocols=["roundrobin"]).error is ErrorCode.INCONSISTENT_GROUP_PROTOCOL


def test_the_protocol_most_members_prefer_among_those_all_support_wins(world):
    """Kafka: ClassicGroupTest.testSelectProtocol."""
    joined = [
        world.join_dynamic(protocols=["range", "sticky"]),
        world.join_dynamic(protocols=["sticky", "range"]),
        world.join_dynamic(protocols=["roundrobin", "sticky", "range"]),
    ]
    world.sleep(1)
    assert {each.response.protocol_name for each in joined} == {"sticky"}


def test_an_empty_group_waits_for_more_members_as_long_as_they_keep_coming(make_world):
    """group.initial.rebalance.delay.ms; Kafka: testJoinGroupSecondJoin..., tryCompleteInitialRebalanceElseSchedule."""
    world = make_world(GroupSettings(initial_rebalance_delay_ms=3000))
    first = world.join_dynamic(rebalance_timeout_ms=10_000)
    world.sleep(2999)
    second = world.join_dynamic(rebalance_timeout_ms=10_000)
    world.sleep(3000)
    assert first.response is None, "the second member extended the delay"
    world.sleep(1)
    assert first.error is second.error is ErrorCode.NONE
    assert first.response.generation_id == second.response.generation_id == 1


def test_the_initial_delay_ends_with_the_rebalance_timeout(make_world):
    """Kafka: GroupMetadataManagerTest.testGroupInitialRebalance... remainingMs."""
    world = make_world(GroupSettings(initial_rebalance_delay_ms=3000))
    first = world.join_dynamic(rebalance_timeout_ms=7000)
    for _ in range(6):
        world.sleep(1000)
        world.join_dynamic(rebalance_timeout_ms=7000)
    world.sleep(1500)
    assert first.response is not None


def test_only_the_leader_learns_who_the_members_are(world):
    """Kafka: completeClassicGroupJoin."""
    joined = world.stable_group(3)
    assert [len(each.response.members) for each in joined] == [3, 0, 0]
    assert {each.response.leader for each in joined} == {joined[0].response.member_id}


def test_every_member_gets_the_assignment_the_leader_made_once_it_is_in_the_log(world):
    """Kafka: GroupMetadataManagerTest.testSyncGroupLeaderAfterFollower."""
    joined = [world.join_dynamic(), world.join_dynamic()]
    world.sleep(1)
    leader, follower = sorted(joined, key=lambda each: not each.response.members)
    world.auto_commit = False

    waiting = world.sync(follower)
    leading = world.sync(leader, {follower.response.member_id: b"f", leader.response.member_id: b"l"})
    assert waiting.response is None
    assert leading.response is None
    world.commit()

    assert (waiting.response.assignment, leading.response.assignment) == (b"f", b"l")
    assert world.group().state is GroupState.STABLE


def test_a_member_the_leader_left_out_gets_an_empty_assignment(world):
    """Kafka: classicGroupSync, membersWithMissingAssignment."""
    joined = [world.join_dynamic(), world.join_dynamic()]
    world.sleep(1)
    leader, follower = sorted(joined, key=lambda each: not each.response.members)
    world.sync(leader, {})
    synced = world.sync(follower)
    assert synced.error is ErrorCode.NONE
    assert synced.response.assignment == b""


def test_an_assignment_that_cannot_be_written_makes_the_group_rebalance(world):
    """Kafka: GroupMetadataManagerTest.testSyncGroupEmptyAssignment / appendGroupMetadataErrorToResponseError."""
    joined = [world.join_dynamic(), world.join_dynamic()]
    world.sleep(1)
    world.auto_commit = False
    synced = world.sync_all(sorted(joined, key=lambda each: not each.response.members))
    world.fail(ErrorCode.NOT_ENOUGH_REPLICAS)
    assert [each.error for each in synced] == [ErrorCode.COORDINATOR_NOT_AVAILABLE] * 2
    assert world.group().state is GroupState.PREPARING_REBALANCE


def test_an_assignment_written_while_another_member_joined_is_not_handed_out(world):
    """Kafka: classicGroupSync checks state and generation in the append callback."""
    (leader,) = world.stable_group(1)
    again = world.join(leader.response.member_id)
    world.auto_commit = False
    synced = world.sync(again, {again.response.member_id: b"x"})
    world.join(world.join().response.member_id)
    assert synced.error is ErrorCode.REBALANCE_IN_PROGRESS
    world.commit()
    assert world.group().state is GroupState.PREPARING_REBALANCE
    assert world.group().members[leader.response.member_id].assignment == b""


def test_sync_is_refused_for_the_wrong_generation_member_or_protocol(world):
    """Kafka: validateSyncGroup; KIP-559."""
    joined = world.stable_group(1)[0]
    assert world.sync(joined, generation_id=7).error is ErrorCode.ILLEGAL_GENERATION
    assert world.sync(joined, group_id="other").error is ErrorCode.UNKNOWN_MEMBER_ID
    assert world.sync(joined, protocol_type="connect").error is ErrorCode.INCONSISTENT_GROUP_PROTOCOL
    assert world.sync(joined, protocol_name="sticky").error is ErrorCode.INCONSISTENT_GROUP_PROTOCOL
    assert world.sync(joined, protocol_type="consumer", protocol_name="range").error is ErrorCode.NONE


def test_a_follower_that_joins_a_stable_group_unchanged_keeps_the_generation(world):
    """Kafka: GroupMetadataManagerTest.testStableFollower..., classicGroupJoinExistingMember."""
    _, follower = world.stable_group(2)
    again = world.join(follower.response.member_id)
    assert again.response.generation_id == follower.response.generation_id
    assert world.group().state is GroupState.STABLE


def test_the_leader_of_a_stable_group_may_ask_for_a_rebalance(world):
    """Kafka: classicGroupJoinExistingMember, STABLE and leader."""
    leader, follower = world.stable_group(2)
    rejoined = world.join(leader.response.member_id)
    assert world.group().state is GroupState.PREPARING_REBALANCE
    assert world.heartbeat(follower.response.member_id, 1) is ErrorCode.REBALANCE_IN_PROGRESS
    world.join(follower.response.member_id)
    assert rejoined.response.generation_id == follower.response.generation_id + 1


def test_a_follower_with_other_metadata_makes_the_group_rebalance(world):
    """Kafka: classicGroupJoinExistingMember, STABLE and !member.matches."""
    _, follower = world.stable_group(2)
    world.join(follower.response.member_id, topics=["orders", "payments"])
    assert world.group().state is GroupState.PREPARING_REBALANCE


def test_a_member_that_lost_the_join_answer_gets_it_again(world):
    """Kafka: classicGroupJoinExistingMember, COMPLETING_REBALANCE and member.matches."""
    joined = world.join_dynamic()
    world.sleep(1)
    again = world.join(joined.response.member_id)
    assert again.response == joined.response


def test_members_that_do_not_rejoin_in_time_are_dropped(world):
    """The rebalance timeout; Kafka: completeClassicGroupJoin."""
    leader, follower = world.stable_group(2, rebalance_timeout_ms=5000)
    rejoined = world.join(follower.response.member_id, topics=["other"], rebalance_timeout_ms=5000)
    world.sleep(4999)
    assert rejoined.response is None
    world.sleep(1)
    assert rejoined.response.leader == follower.response.member_id
    assert leader.response.member_id not in world.group().members


def test_members_that_never_sync_are_dropped(world):
    """KAFKA-12495; Kafka: GroupMetadataManagerTest.testRebalanceTimesOutWhenSyncRequestIsNotReceived."""
    joined = [world.join_dynamic(rebalance_timeout_ms=5000) for _ in range(2)]
    world.sleep(1)
    leader, _ = sorted(joined, key=lambda each: not each.response.members)
    world.sync(leader, {})
    world.sleep(5000)
    assert list(world.group().members) == [leader.response.member_id]
    assert world.group().state is GroupState.PREPARING_REBALANCE


def test_group_max_size_turns_the_surplus_away(make_world):
    """Kafka: GroupMetadataManagerTest.testDynamicMembersJoinGroupWithMaxSizeAndRequiredKnownMember."""
    world = make_world(GroupSettings(group_max_size=2, initial_rebalance_delay_ms=0))
    world.stable_group(2)
    assert world.join().error is ErrorCode.GROUP_MAX_SIZE_REACHED


def test_a_second_request_of_the_same_member_answers_the_first(world):
    """Ours: Kafka leaves the older request unanswered."""
    leader, _ = world.stable_group(2)
    first = world.join(leader.response.member_id)
    second = world.join(leader.response.member_id)
    assert first.error is ErrorCode.REBALANCE_IN_PROGRESS
    assert second.response is None


def test_the_member_id_of_a_static_member_begins_with_its_instance_id(world):
    """Kafka: ClassicGroup.generateMemberId."""
    joined = world.join(instance_id="worker-1")
    world.sleep(1)
    assert joined.response.member_id.startswith("worker-1-")
