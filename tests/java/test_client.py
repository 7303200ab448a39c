"""Apache Kafka's own Java client against our cluster; the scenarios themselves are in `Scenarios.java`."""

import pytest

pytestmark = pytest.mark.java


def test_records_of_every_codec_come_back_as_sent(scenario, topic):
    scenario("everyCodec", topic())


def test_an_idempotent_producer_with_five_requests_in_flight_keeps_the_order(scenario, topic):
    scenario("idempotentOrder", topic())


def test_acks_of_none_and_of_the_leader_alone(scenario, topic):
    scenario("acksZeroAndOne", topic())


def test_commits_come_back_with_metadata_and_epoch_and_the_next_member_resumes(scenario, topic, group_id):
    scenario("commitAndResume", topic(), group_id)


def test_offsets_are_found_by_time(scenario, topic):
    scenario("offsetsByTime", topic())


def test_a_consumer_with_a_rack_reads_from_the_replica_beside_it(scenario, topic):
    """KIP-392."""
    scenario("readFromFollower", topic())


def test_a_cooperative_member_gives_up_only_what_another_gets(scenario, topic, group_id):
    """KIP-429."""
    scenario("cooperativeRebalance", topic(partitions=6), group_id)


def test_a_static_member_comes_back_without_a_rebalance_and_an_impostor_fences_it(scenario, topic, group_id):
    """KIP-345."""
    scenario("staticMembers", topic(partitions=6), group_id)


def test_eager_members_share_the_partitions_and_inherit_them(scenario, topic, group_id):
    scenario("eagerRebalance", topic(partitions=6), group_id)


def test_the_new_group_protocol_is_refused_in_the_clients_own_words(scenario, topic, group_id):
    """KIP-848 is not served, and its feature not finalized: the client must be able to tell."""
    (said,) = scenario("consumerProtocol", topic(), group_id)
    assert said.startswith("UnsupportedVersionException: The cluster does not support the new CONSUMER group protocol.")


def test_a_transactional_producer_is_told_that_there_is_no_coordinator(scenario):
    (said,) = scenario("transactions", "t-1")
    assert said.startswith("TimeoutException: Timeout expired after 3000ms while awaiting InitProducerId")


def test_the_admin_client(scenario, topic, group_id):
    scenario("admin", topic(), group_id)
