"""What a client of Confluent's REST Proxy relies on beyond paths and fields. (confluentinc/kafka-rest, v3.)"""

import pytest

from console.services.partial import Missing
from engine.protocol.errors import ErrorCode
from web.api.errors import ApiError
from web.api.operations import Call
from web.api.v3.errors import as_confluent
from web.api.v3.links import MISSING_BYTES_MAX, tell_missing


def refused(answer):
    return answer.status, answer.json()["error_code"]


# Topics


def test_a_topic_that_would_be_created_is_answered_with_200_and_where_it_would_be(api, v3):
    body = {"topic_name": "would-be", "partitions_count": 3, "validate_only": True}
    answer = api.checked("POST", f"{v3}/topics", body)
    assert answer.status == 200
    assert answer.headers["Location"] == f"{api.url}{v3}/topics/would-be"
    assert answer.json()["partitions_count"] == 3
    assert api.get(f"{v3}/topics/would-be").status == 404


def test_where_a_new_topic_is_is_in_location(api, v3, topic):
    answer = api.checked("POST", f"{v3}/topics", {"topic_name": f"{topic}-b"})
    assert answer.headers["Location"] == answer.json()["metadata"]["self"]


def test_replicas_are_assigned_by_a_map_of_partitions(api, v3, topic):
    made = api.checked(
        "POST", f"{v3}/topics", {"topic_name": f"{topic}-b", "replicas_assignments": {"0": [1], "1": [1]}}
    )
    assert (made.status, made.json()["partitions_count"], made.json()["replication_factor"]) == (201, 2, 1)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"replicas_assignments": {"0": [1], "2": [1]}}, "name each partition from 0 on"),
        ({"replicas_assignments": {"00": [1]}}, "name each partition from 0 on"),
        ({"replicas_assignments": {"0": [1]}, "partitions_count": 2}, "say something else"),
        ({"replicas_assignments": {"0": [1]}, "replication_factor": 3}, "say something else"),
        ({"configs": [{"name": "retention.ms", "value": None}]}, "configs[0].value"),
        ({"configs": [{"name": "retention.ms", "value": "1"}] * 2}, "each name may come once"),
        ({"configs": [{"name": "nonsense", "value": "1"}]}, "INVALID_CONFIG"),
        ({"replication_factor": 9}, "INVALID_REPLICATION_FACTOR"),
    ],
)
def test_a_topic_that_makes_no_sense_is_refused(api, v3, more, said):
    answer = api.checked("POST", f"{v3}/topics", {"topic_name": "never", **more})
    assert answer.status == 400
    assert said in answer.json()["message"]


def test_kafkas_own_topics_are_not_listed(api, v3, group):
    assert api.get(f"{v3}/topics/__consumer_offsets").json()["is_internal"]
    for path in (f"{v3}/topics", f"{v3}/topics/-/configs"):
        assert "__consumer_offsets" not in {each["topic_name"] for each in api.get(path).json()["data"]}


def test_what_one_may_do_is_told_when_asked_for(api, v3, topic):
    """The parameter of the list is written otherwise than that of one topic, as there (TopicsResource)."""
    assert "authorized_operations" not in api.get(f"{v3}/topics/{topic}").json()
    one = api.checked("GET", f"{v3}/topics/{topic}?include_authorized_operations=true").json()
    listed = api.checked("GET", f"{v3}/topics?includeAuthorizedOperations=true").json()["data"]
    (same,) = [each for each in listed if each["topic_name"] == topic]
    assert one["authorized_operations"] == same["authorized_operations"]
    assert {"READ", "WRITE", "ALTER_CONFIGS"} <= set(one["authorized_operations"])


def test_partitions_can_only_become_more(api, v3, topic):
    for count in (1, 2):
        assert refused(api.checked("PATCH", f"{v3}/topics/{topic}", {"partitions_count": count})) == (400, 40002)


def test_a_partition_says_where_it_begins_and_ends(api, v3, topic, put):
    put(topic, "a", "b")
    found = api.checked("GET", f"{v3}/topics/{topic}/partitions/0/offset?offset_type=earliest_and_latest").json()
    assert found["kind"] == "KafkaPartitionWithOffsets"
    assert (found["earliest_offset"], found["latest_offset"]) == (0, 2)
    assert found["metadata"]["resource_name"].endswith(f"/topic={topic}/partition=0/offset_type=earliest_and_latest")
    assert api.checked("GET", f"{v3}/topics/{topic}/partitions/0/offset?offset_type=latest").status == 400


# Properties


def test_a_property_says_all_the_places_its_value_is_looked_for_in(api, v3, topic):
    at = f"{v3}/topics/{topic}/configs/cleanup.policy"
    api.put(at, {"value": "compact"})
    found = api.checked("GET", at).json()
    assert [(each["name"], each["value"], each["source"]) for each in found["synonyms"]] == [
        ("cleanup.policy", "compact", "DYNAMIC_TOPIC_CONFIG"),
        ("log.cleanup.policy", "delete", "DEFAULT_CONFIG"),
    ]


@pytest.mark.parametrize("of", ["topics/{topic}/configs", "brokers/1/configs"])
def test_a_property_that_is_not_there_is_not_found(api, v3, topic, of):
    at = f"{v3}/{of.format(topic=topic)}"
    assert refused(api.checked("PUT", f"{at}/nonsense", {"value": "1"})) == (404, 404)
    assert refused(api.checked("DELETE", f"{at}/nonsense")) == (404, 404)
    assert refused(api.checked("POST", f"{at}:alter", {"data": [{"name": "nonsense", "value": "1"}]})) == (404, 404)


def test_a_property_of_all_brokers_that_is_not_set_cannot_be_removed(api, v3):
    assert refused(api.checked("DELETE", f"{v3}/broker-configs/log.retention.bytes")) == (404, 404)
    assert refused(api.checked("PUT", f"{v3}/broker-configs/nonsense", {"value": "1"})) == (400, 40002)


def test_nothing_is_removed_by_setting_it_to_null(api, v3, topic):
    """Kafka: a null value with SET is refused."""
    at = f"{v3}/topics/{topic}/configs"
    assert api.checked("PUT", f"{at}/retention.ms", {"value": None}).status == 400
    for change in ({"name": "retention.ms"}, {"name": "retention.ms", "value": None, "operation": "SET"}):
        assert api.checked("POST", f"{at}:alter", {"data": [change]}).status == 400


def test_validate_only_changes_nothing_and_says_what_the_cluster_would(api, v3, topic):
    at = f"{v3}/topics/{topic}/configs"
    good, bad = ({"name": "retention.ms", "value": each} for each in ("1000", "soon"))
    assert api.checked("POST", f"{at}:alter", {"data": [good], "validate_only": True}).status == 204
    assert refused(api.checked("POST", f"{at}:alter", {"data": [bad], "validate_only": True})) == (400, 40002)
    assert api.get(f"{at}/retention.ms").json()["is_default"]


def test_topics_are_altered_each_by_itself(api, v3, topic):
    other = f"{topic}-b"
    api.post(f"{v3}/topics", {"topic_name": other})
    good, bad = ([{"name": "retention.ms", "value": each}] for each in ("1000", "soon"))
    wanted = [{"topic_name": topic, "configs": good}, {"topic_name": other, "configs": bad}]
    answer = api.checked("POST", f"{v3}/topics/-/configs:alter", {"data": wanted})
    assert answer.status == 207
    assert [(each["topic_name"], each["error_code"]) for each in answer.json()["failures"]] == [(other, 40002)]
    assert api.get(f"{v3}/topics/{topic}/configs/retention.ms").json()["value"] == "1000"


def test_when_one_of_the_topics_is_not_there_none_is_altered(api, v3, topic):
    configs = [{"name": "retention.ms", "value": "1000"}]
    wanted = [{"topic_name": each, "configs": configs} for each in (topic, "nope")]
    assert refused(api.checked("POST", f"{v3}/topics/-/configs:alter", {"data": wanted})) == (404, 40403)
    assert api.get(f"{v3}/topics/{topic}/configs/retention.ms").json()["is_default"]


def test_the_properties_of_every_broker_are_all_of_them(api, v3):
    (one, every) = (api.get(f"{v3}/brokers/{each}/configs").json()["data"] for each in ("1", "-"))
    assert [each["name"] for each in one] == [each["name"] for each in every]


# Groups


def test_a_group_has_a_type_and_a_name_that_is_written_as_it_is(api, v3, group):
    (found,) = [each for each in api.get(f"{v3}/consumer-groups").json()["data"] if each["consumer_group_id"] == group]
    assert (found["type"], found["is_mixed_consumer_group"]) == ("CLASSIC", False)
    cluster_id = v3.rpartition("/")[2]
    assert found["metadata"]["resource_name"] == f"crn:///kafka={cluster_id}/consumer-group={group}"


def test_a_group_that_committed_nothing_has_no_lags(api, v3, topic):
    from engine.net.group_member import GroupMember

    async def join():
        member = GroupMember(api.cluster.client, f"{topic}-reader", [topic], session_timeout_ms=45_000)
        await member.join()
        return member

    member = api.run(join())
    for what in ("lags", "lag-summary"):
        answer = api.checked("GET", f"{v3}/consumer-groups/{topic}-reader/{what}")
        assert refused(answer) == (404, 404)
        assert "committed nothing" in answer.json()["message"]
    api.run(member.leave())


# Errors


@pytest.mark.parametrize(
    ("kafka", "status", "code", "wanted"),
    [
        (ErrorCode.UNSUPPORTED_VERSION, 501, 501, (400, 40002)),
        (ErrorCode.NOT_LEADER_OR_FOLLOWER, 503, 50003, (500, 50003)),
        (ErrorCode.MESSAGE_TOO_LARGE, 400, 40002, (413, 413)),
        (ErrorCode.THROTTLING_QUOTA_EXCEEDED, 503, 50003, (429, 42901)),
        (ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, 404, 40403, (404, 40403)),
        (ErrorCode.TOPIC_AUTHORIZATION_FAILED, 403, 40301, (403, 40301)),
        (None, 503, 50302, (503, 50302)),
    ],
)
def test_kafkas_errors_have_confluents_statuses_and_codes(kafka, status, code, wanted):
    """rest-utils: KafkaExceptionMapper."""
    name = None if kafka is None else kafka.name
    error = as_confluent(ApiError(status, "title", code=code, detail="detail", hint="hint", kafka_error=name))
    assert (error.status, error.failure.error_code) == wanted
    assert (error.failure.message, error.failure.hint) == ("title: detail", "")


def test_what_no_broker_answered_is_told_in_a_header_that_nothing_breaks_out_of():
    call = Call(None, None)
    tell_missing(call, [])
    assert call.reply.headers == {}
    tell_missing(call, [Missing("groups on broker 2", "gone\r\nX-Other: 1"), Missing("é", "x" * 5_000)])
    words = call.reply.headers["X-Missing"]
    assert words.startswith("groups on broker 2: gone??X-Other: 1; ?: x")
    assert len(words) == MISSING_BYTES_MAX


def test_a_body_that_is_empty_is_unprocessable(api, v3):
    headers = {"Content-Type": "application/json"}
    assert refused(api.checked("POST", f"{v3}/topics", b"", headers=headers)) == (422, 42206)
