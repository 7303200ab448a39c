"""`/v3` on Apache Kafka with an authorizer: what the embedded cluster has not (ACLs, groups of KIP-848), and the rest again."""

import time
import uuid

import pytest
from confluent_kafka import Consumer
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from tests.java_kafka.apache_kafka import apache_kafka
from tests.unit.web.api.served import Served

pytestmark = pytest.mark.java

AUTHORIZER = """\
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
"""


@pytest.fixture(scope="module")
def bootstrap():
    with apache_kafka(properties=AUTHORIZER) as found:
        yield found


@pytest.fixture(scope="module")
def api(bootstrap, tmp_path_factory):
    with Served(bootstrap, tmp_path_factory.mktemp("v3")) as served:
        yield served


@pytest.fixture(scope="module")
def v3(api):
    return f"/v3/clusters/{api.get('/v3/clusters').json()['data'][0]['cluster_id']}"


@pytest.fixture
def topic(api, v3):
    name = f"t-{uuid.uuid4().hex[:8]}"
    assert api.checked("POST", f"{v3}/topics", {"topic_name": name, "partitions_count": 2}).status == 201
    return name


def good(answer, status=200):
    assert answer.status == status, answer
    return answer.json() if answer.body else None


def test_acls_are_found_by_what_they_say(api, v3, bootstrap, topic):
    pattern = (ResourceType.TOPIC, topic, ResourcePatternType.LITERAL)
    wanted = [
        AclBinding(*pattern, "User:ada", "*", AclOperation.READ, AclPermissionType.ALLOW),
        AclBinding(*pattern, "User:bob", "10.0.0.1", AclOperation.WRITE, AclPermissionType.DENY),
    ]
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for future in admin.create_acls(wanted).values():
        future.result(30)

    listed = good(api.checked("GET", f"{v3}/acls?resource_name={topic}"))
    assert listed["kind"] == "KafkaAclList"
    assert [(each["principal"], each["operation"], each["permission"], each["host"]) for each in listed["data"]] == [
        ("User:ada", "READ", "ALLOW", "*"),
        ("User:bob", "WRITE", "DENY", "10.0.0.1"),
    ]
    ada = listed["data"][0]
    assert (ada["resource_type"], ada["resource_name"], ada["pattern_type"]) == ("TOPIC", topic, "LITERAL")
    for query in ("operation=write", "permission=deny", "principal=User:bob", "host=10.0.0.1"):
        (bob,) = good(api.checked("GET", f"{v3}/acls?resource_type=topic&resource_name={topic}&{query}"))["data"]
        assert bob["principal"] == "User:bob"
    # The address of an ACL is the search that finds it.
    (same,) = good(api.checked("GET", ada["metadata"]["self"].removeprefix(api.url)))["data"]
    assert same == ada


def test_acls_are_not_changed_from_here_yet_and_that_is_said(api, v3):
    acl = {"resource_type": "TOPIC", "resource_name": "t", "pattern_type": "LITERAL", "operation": "READ"}
    acl |= {"permission": "ALLOW", "principal": "User:ada", "host": "*"}
    assert api.checked("POST", f"{v3}/acls", acl).status == 501
    every = "resource_type=any&pattern_type=any&operation=any&permission=any"
    assert api.checked("DELETE", f"{v3}/acls?{every}").status == 501


def test_a_group_of_kip_848(api, v3, bootstrap, topic):
    for number in range(3):
        good(
            api.checked(
                "POST", f"{v3}/topics/{topic}/records", {"partition_id": 0, "value": {"type": "JSON", "data": number}}
            )
        )
    group = f"g-{topic}"
    options = {"bootstrap.servers": bootstrap, "group.id": group, "group.protocol": "consumer"}
    consumer = Consumer({**options, "auto.offset.reset": "earliest", "enable.auto.commit": False})
    try:
        consumer.subscribe([topic])
        deadline = time.monotonic() + 60
        while (message := consumer.poll(1)) is None or message.error():
            assert time.monotonic() < deadline
        consumer.commit(message, asynchronous=False)

        found = good(api.checked("GET", f"{v3}/consumer-groups/{group}"))
        assert (found["type"], found["is_mixed_consumer_group"], found["state"]) == ("CONSUMER", False, "STABLE")
        (member,) = good(api.checked("GET", f"{v3}/consumer-groups/{group}/consumers"))["data"]
        at = member["assignments"]["related"].removeprefix(api.url)
        assert [each["partition_id"] for each in good(api.checked("GET", at))["data"]] == [0, 1]
        (lag,) = good(api.checked("GET", f"{v3}/consumer-groups/{group}/lags"))["data"]
        assert (lag["current_offset"], lag["lag"]) == (1, 2)
        assert good(api.checked("GET", f"{v3}/consumer-groups/{group}/lag-summary"))["total_lag"] == 2
    finally:
        consumer.close()


def test_everything_that_is_related_is_there(api, v3, topic):
    """From the cluster on, as a client goes that knows no path."""
    good(api.checked("POST", f"{v3}/topics/{topic}/records", {"value": {"type": "STRING", "data": "x"}}))
    seen, waiting = set(), ["/v3/clusters"]
    while waiting:
        path = waiting.pop()
        if path in seen or len(seen) > 300:
            continue
        seen.add(path)
        if path.endswith("/reassignment") and "/-/" not in path:
            assert api.checked("GET", path).status == 404  # none is going on
            continue
        found = good(api.checked("GET", path))
        for each in [found, *found.get("data", [])]:
            links = [value["related"] for value in each.values() if isinstance(value, dict) and "related" in value]
            links.append(each["metadata"]["self"])
            waiting += [link.removeprefix(api.url) for link in links if "/configs/" not in link]
    kinds = {path.rpartition("/")[2] for path in seen}
    assert {
        "acls",
        "brokers",
        "broker-configs",
        "consumer-groups",
        "topics",
        "partitions",
        "replicas",
        "configs",
    } <= kinds


def test_properties_are_altered_and_validated_by_the_cluster(api, v3, topic):
    at = f"{v3}/topics/{topic}/configs"
    good(api.checked("PUT", f"{at}/retention.ms", {"value": "1000"}), 204)
    found = good(api.checked("GET", f"{at}/retention.ms"))
    assert (found["value"], found["source"], found["is_default"]) == ("1000", "DYNAMIC_TOPIC_CONFIG", False)
    assert api.checked("PUT", f"{at}/retention.ms", {"value": "soon"}).json()["error_code"] == 40002
    assert api.checked("PUT", f"{at}/nonsense", {"value": "1"}).json()["error_code"] == 404
    good(api.checked("POST", f"{at}:alter", {"data": [{"name": "retention.ms", "operation": "DELETE"}]}), 204)
    assert good(api.checked("GET", f"{at}/retention.ms"))["is_default"]
    assert (
        "READ"
        in good(api.checked("GET", f"{v3}/topics/{topic}?include_authorized_operations=true"))["authorized_operations"]
    )
