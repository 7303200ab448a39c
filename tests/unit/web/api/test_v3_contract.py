"""`/v3` has the operations, parameters, statuses and fields of Confluent's REST Proxy (confluentinc/kafka-rest, v3).

What is written here was read there: api/v3/openapi.yaml for operations and fields, the resources' code for what that leaves
out (topics/-/configs:alter, kinds, resource names).
"""

import re

import pytest

from tests.unit.web.api.served import the_document

OPERATIONS = """
GET /clusters
GET /clusters/{c}
GET POST DELETE /clusters/{c}/acls
POST /clusters/{c}/acls:batch
GET /clusters/{c}/broker-configs
POST /clusters/{c}/broker-configs:alter
GET PUT DELETE /clusters/{c}/broker-configs/{name}
GET /clusters/{c}/brokers
GET /clusters/{c}/brokers/{b}
GET /clusters/{c}/brokers/-/configs
GET /clusters/{c}/brokers/{b}/configs
POST /clusters/{c}/brokers/{b}/configs:alter
GET PUT DELETE /clusters/{c}/brokers/{b}/configs/{name}
GET /clusters/{c}/brokers/{b}/partition-replicas
GET /clusters/{c}/consumer-groups
GET /clusters/{c}/consumer-groups/{g}
GET /clusters/{c}/consumer-groups/{g}/consumers
GET /clusters/{c}/consumer-groups/{g}/consumers/{m}
GET /clusters/{c}/consumer-groups/{g}/consumers/{m}/assignments
GET /clusters/{c}/consumer-groups/{g}/consumers/{m}/assignments/{t}/partitions/{p}
GET /clusters/{c}/consumer-groups/{g}/lag-summary
GET /clusters/{c}/consumer-groups/{g}/lags
GET /clusters/{c}/consumer-groups/{g}/lags/{t}/partitions/{p}
GET POST /clusters/{c}/topics
GET PATCH DELETE /clusters/{c}/topics/{t}
GET /clusters/{c}/topics/-/configs
POST /clusters/{c}/topics/-/configs:alter
GET /clusters/{c}/topics/{t}/configs
POST /clusters/{c}/topics/{t}/configs:alter
GET PUT DELETE /clusters/{c}/topics/{t}/configs/{name}
GET /clusters/{c}/topics/{t}/partitions
GET /clusters/{c}/topics/{t}/partitions/{p}
GET /clusters/{c}/topics/{t}/partitions/{p}/offset
GET /clusters/{c}/topics/{t}/partitions/{p}/replicas
GET /clusters/{c}/topics/{t}/partitions/{p}/replicas/{b}
GET /clusters/{c}/topics/-/partitions/-/reassignment
GET /clusters/{c}/topics/{t}/partitions/-/reassignment
GET /clusters/{c}/topics/{t}/partitions/{p}/reassignment
POST /clusters/{c}/topics/{t}/records
POST /clusters/{c}/topics/{t}/records:batch
"""

RESOURCE = {"kind", "metadata", "cluster_id"}

FIELDS = {
    "ClusterData": "controller acls brokers broker_configs consumer_groups topics partition_reassignments",
    "BrokerData": "broker_id host port rack configs partition_replicas",
    "ConfigData": "name value is_default is_read_only is_sensitive source synonyms topic_name broker_id config_type",
    "TopicData": "topic_name is_internal replication_factor partitions_count partitions configs partition_reassignments "
    "authorized_operations",
    "PartitionData": "topic_name partition_id leader replicas reassignment",
    "PartitionOffsetData": "topic_name partition_id earliest_offset latest_offset",
    "ReplicaData": "topic_name partition_id broker_id is_leader is_in_sync broker",
    "ReassignmentData": "topic_name partition_id adding_replicas removing_replicas replicas",
    "ConsumerGroupData": "consumer_group_id is_simple partition_assignor state type is_mixed_consumer_group coordinator "
    "consumers lag_summary",
    "ConsumerData": "consumer_group_id consumer_id instance_id client_id assignments",
    "AssignmentData": "consumer_group_id consumer_id topic_name partition_id partition lag",
    "LagSummaryData": "consumer_group_id max_lag_consumer_id max_lag_instance_id max_lag_client_id max_lag_topic_name "
    "max_lag_partition_id max_lag total_lag max_lag_consumer max_lag_partition",
    "LagData": "consumer_group_id topic_name partition_id current_offset log_end_offset lag consumer_id instance_id client_id",
    "AclData": "resource_type resource_name pattern_type principal host operation permission",
}

PLAIN = {
    "Metadata": "self resource_name",
    "ListMetadata": "self next",
    "Related": "related",
    "ConfigSynonym": "name value source",
    "ProducedData": "error_code message cluster_id topic_name partition_id offset timestamp key value",
    "BatchSuccess": "id cluster_id topic_name partition_id offset timestamp key value",
    "BatchFailure": "id error_code message",
    "BatchProduced": "successes failures",
    "TopicFailures": "failures",
    "TopicFailure": "topic_name error_code message",
}

BODIES = {
    "NewTopicBody": "topic_name partitions_count replication_factor replicas_assignments configs validate_only",
    "PartitionCountBody": "partitions_count",
    "NewValueBody": "value",
    "AlterationsBody": "data validate_only",
    "Alteration": "name value operation",
    "TopicsAlterationsBody": "data validate_only",
    "TopicAlterations": "topic_name configs",
    "NewAcl": "resource_type resource_name pattern_type principal host operation permission",
    "V3RecordBody": "partition_id headers key value timestamp",
    "V3EntryBody": "id partition_id headers key value timestamp",
    "V3HeaderBody": "name value",
}

STATUSES = {
    ("post", "/topics"): {201, 200},
    ("delete", "/topics/{}"): {204},
    ("patch", "/topics/{}"): {200},
    ("put", "/topics/{}/configs/{}"): {204},
    ("post", "/topics/{}/configs:alter"): {204},
    ("post", "/topics/-/configs:alter"): {204, 207},
    ("post", "/topics/{}/records"): {200},
    ("post", "/topics/{}/records:batch"): {207},
    ("post", "/acls"): {201},
    ("post", "/acls:batch"): {201},
    ("delete", "/acls"): {200},
}


def wanted():
    for line in OPERATIONS.split("\n"):
        *methods, path = line.split() or [""]
        for method in methods:
            yield method, re.sub(r"\{\w+\}", "{}", f"/v3{path}")


def served():
    for path, methods in the_document()["paths"].items():
        if path.startswith("/v3"):
            for method, each in methods.items():
                yield (method.upper(), re.sub(r"\{\w+\}", "{}", path)), each


def test_the_operations():
    assert {name for name, _ in served()} == set(wanted())


def test_there_are_confluents_fifty_and_one_more():
    assert len(list(wanted())) == 51


@pytest.mark.parametrize("name", [*FIELDS, *PLAIN, *BODIES])
def test_the_fields(name):
    schema = the_document()["components"]["schemas"][name]
    fields = set({**FIELDS, **PLAIN, **BODIES}[name].split()) | (RESOURCE if name in FIELDS else set())
    assert set(schema["properties"]) == fields


@pytest.mark.parametrize(("method", "path"), list(STATUSES))
def test_the_statuses_of_success(method, path):
    found = dict(served())[method.upper(), f"/v3/clusters/{{}}{path}"]
    assert {int(each) for each in found["responses"] if each[0] == "2"} == STATUSES[method, path]


def test_every_error_has_the_two_fields_that_confluents_clients_know(api, v3):
    for path in ("/v3/clusters/x", f"{v3}/topics/nope", f"{v3}/topics?x=1", f"{v3}/acls", f"{v3}/brokers/77/configs"):
        answer = api.checked("GET", path)
        assert set(answer.json()) == {"error_code", "message"}
        assert answer.headers["Content-Type"] == "application/json"
