"""What the pages of brokers and of the quorum know."""

from tests.unit.web.pages.made import a_quorum, log_dir, partition, snapshot
from web.pages.brokers import broker_rows, replica_rows
from web.pages.quorum import quorum_rows


def test_a_broker_leads_and_holds_what_the_partitions_say():
    seen = snapshot({"t": [partition(0, 1, (1, 2)), partition(1, 2, (2, 1), (2,))]}, brokers=(1, 2), quorum=a_quorum())
    first, second = broker_rows(seen)
    assert (first["leaders"], first["replicas"], first["out_of_sync_replicas"]) == (1, 2, 1)
    assert first["is_controller"]
    assert not second["is_controller"]


def test_a_broker_that_is_gone_stays_in_the_list_as_long_as_it_ought_to_hold_replicas():
    seen = snapshot({"t": [partition(0, 1, (1, 2, 3), (1, 2), (3,))]}, brokers=(1, 2))
    rows = {row["node_id"]: row for row in broker_rows(seen)}
    assert rows[3]["state"] == "down"
    assert rows[3]["address"] is None
    assert broker_rows(seen, {3})[2]["state"] == "fenced"


def test_what_the_disks_did_not_tell_is_not_known():
    seen = snapshot(brokers=(1, 2), log_dirs=(log_dir(1, error="KAFKA_STORAGE_ERROR: gone"),))
    first, second = broker_rows(seen)
    assert (first["size_bytes"], first["usable_bytes"]) == (60, 40)
    assert first["log_dir_errors"] == ["/var/kafka: KAFKA_STORAGE_ERROR: gone"]
    assert (second["size_bytes"], second["usable_bytes"]) == (None, None)


def test_a_cluster_without_topics_has_brokers_all_the_same():
    assert [row["node_id"] for row in broker_rows(snapshot(brokers=(2, 1)))] == [1, 2]
    assert broker_rows(snapshot(brokers=())) == []


def test_replicas_of_a_broker_say_what_they_are():
    seen = snapshot({"t": [partition(0, 1, (1, 2), (1,)), partition(1, 2, (2, 1), (2,), (1,)), partition(2, 2, (2,))]})
    rows = replica_rows(seen, 1)
    assert [(row["topic_partition"], row["role"], row["in_sync"]) for row in rows] == [
        ("t-0", "leader", "yes"),
        ("t-1", "follower", "offline"),
    ]


def test_of_the_leader_it_is_not_told_when_it_fetched_and_of_the_others_how_long_ago():
    leader, voter, observer = quorum_rows(a_quorum(), 1_800_000_000_000)
    assert (leader["role"], leader["since_fetch_ms"]) == ("leader", None)
    assert (voter["since_fetch_ms"], voter["lag"]) == (300, 0)
    assert (observer["since_fetch_ms"], observer["lag"]) == (None, 10)
