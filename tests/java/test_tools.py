"""Apache Kafka's own commands against our cluster."""

import json
import re

import pytest

from tests.java.conftest import TOOLS

pytestmark = pytest.mark.java

CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]


def produce(tool, topic, lines, *options):
    tool("kafka-console-producer", "--topic", topic, *options, stdin="".join(f"{line}\n" for line in lines))


def consume(tool, topic, count, *options):
    words = ["--topic", topic, "--max-messages", count, "--timeout-ms", "15000", *options]
    return tool("kafka-console-consumer", *words).lines


def offsets(tool, topic, *options):
    return tool("kafka-get-offsets", "--topic", topic, *options).lines


def group_rows(tool, group):
    """kafka-consumer-groups --describe, by partition: (current offset, log end offset, lag)."""
    lines = tool("kafka-consumer-groups", "--describe", "--group", group).lines
    rows = [line.split() for line in lines if line.split()[0] == group]
    return {int(row[2]): tuple(row[3:6]) for row in rows}


# Topics


def test_a_topic_is_created_described_altered_and_deleted(tool, topic):
    name = topic(partitions=3, retention_ms="86400000")
    assert name in tool("kafka-topics", "--list").lines
    first, *partitions = tool("kafka-topics", "--describe", "--topic", name).lines
    assert "PartitionCount: 3\tReplicationFactor: 3" in first
    assert "retention.ms=86400000" in first
    assert all(re.search(r"Leader: [123]\tReplicas: ([123],?){3}\tIsr: ([123],?){3}", line) for line in partitions)
    tool("kafka-topics", "--alter", "--topic", name, "--partitions", 5)
    assert len(tool("kafka-topics", "--describe", "--topic", name).lines) == 6
    tool("kafka-topics", "--delete", "--topic", name)
    assert name not in tool("kafka-topics", "--list").lines


def test_no_partition_is_in_trouble(tool):
    for trouble in ("under-replicated", "unavailable", "under-min-isr", "at-min-isr"):
        assert tool("kafka-topics", "--describe", f"--{trouble}-partitions").lines == []


def test_what_cannot_be_created_is_refused_as_in_kafka(tool, topic):
    name = topic()
    exists = tool("kafka-topics", "--create", "--topic", name, code=1)
    assert f"Topic '{name}' already exists." in exists.text
    too_many = tool("kafka-topics", "--create", "--topic", f"{name}-2", "--replication-factor", 4, code=1)
    assert "Unable to replicate the partition 4 time(s)" in too_many.text
    bad = tool("kafka-topics", "--create", "--topic", f"{name}-3", "--config", "retention.ms=x", code=1)
    assert "Invalid value x for configuration retention.ms: Not a number of type LONG" in bad.text
    tool("kafka-topics", "--create", "--topic", "a/b", code=1)
    fewer = tool("kafka-topics", "--alter", "--topic", name, "--partitions", 1, code=1)
    assert f"Topic {name} currently has 1 partitions" in fewer.text or "already has 1 partition" in fewer.text


def test_replicas_go_where_they_are_assigned(tool, topic):
    name = topic() + "-assigned"
    tool("kafka-topics", "--create", "--topic", name, "--replica-assignment", "2:3,3:1")
    lines = tool("kafka-topics", "--describe", "--topic", name).lines
    assert "Leader: 2\tReplicas: 2,3\tIsr: 2,3" in lines[1]
    assert "Leader: 3\tReplicas: 3,1\tIsr: 3,1" in lines[2]


# Records


@pytest.mark.parametrize("codec", CODECS)
def test_keys_and_headers_come_back_in_every_codec(tool, topic, codec):
    name = topic()
    options = ["--compression-codec", codec, "--reader-property", "parse.key=true", "--reader-property", "key.separator=:",
               "--reader-property", "parse.headers=true"]  # fmt: skip
    produce(tool, name, [f"h:{i},g:x\tk{i}:v{i}" for i in range(50)], *options)
    got = consume(
        tool, name, 50, "--from-beginning",
        *[word for what in ("key", "headers", "offset", "partition", "timestamp") for word in
          ("--formatter-property", f"print.{what}=true")],
    )  # fmt: skip
    assert len(got) == 50
    for i, line in enumerate(got):
        assert re.fullmatch(rf"CreateTime:\d+\tPartition:0\tOffset:{i}\th:{i},g:x\tk{i}\tv{i}", line), line


def test_a_group_reads_on_where_it_was(tool, topic, group_id):
    name = topic(partitions=2)
    produce(tool, name, range(10))
    assert sorted(map(int, consume(tool, name, 10, "--group", group_id, "--from-beginning"))) == list(range(10))
    produce(tool, name, [10])
    assert consume(tool, name, 1, "--group", group_id) == ["10"]


def test_one_partition_from_an_offset(tool, topic):
    name = topic()
    produce(tool, name, range(10))
    assert consume(tool, name, 3, "--partition", 0, "--offset", 7) == ["7", "8", "9"]


def test_read_committed_reads_what_no_transaction_wrote(tool, topic):
    name = topic()
    produce(tool, name, range(5))
    assert consume(tool, name, 5, "--from-beginning", "--isolation-level", "read_committed") == list("01234")


@pytest.mark.parametrize("acks", ["0", "1", "all"])
def test_a_perf_test_writes_and_another_reads(tool, topic, acks):
    name = topic(partitions=3)
    done = tool(
        "kafka-producer-perf-test", "--topic", name, "--num-records", 20000, "--record-size", 100, "--throughput", -1,
        "--command-property", f"acks={acks}",
    )  # fmt: skip
    assert "20000 records sent" in done.out
    header, row = tool("kafka-consumer-perf-test", "--topic", name, "--num-records", 20000, "--timeout", 15000).lines
    assert int(dict(zip(header.split(", "), row.split(", "), strict=True))["data.consumed.in.nMsg"]) >= 20000


def test_a_record_is_there_and_back_again(tool, topic):
    done = tool(
        "kafka-e2e-latency", "--topic", topic(), "--num-records", 200, "--producer-acks", "all", "--record-size", 100
    )
    assert "Percentiles: 50th" in done.out


# Groups


def test_a_group_is_listed_described_reset_and_deleted(tool, topic, group_id):
    name = topic(partitions=2)
    produce(tool, name, range(10))
    consume(tool, name, 10, "--group", group_id, "--from-beginning")
    assert group_id in tool("kafka-consumer-groups", "--list").lines
    assert re.search(rf"{group_id}\s+Classic\s+consumer", tool("kafka-groups", "--list").out)
    assert sum(int(row[0]) for row in group_rows(tool, group_id).values()) == 10
    assert re.search(
        rf"{group_id} .*\bEmpty\b", tool("kafka-consumer-groups", "--describe", "--group", group_id, "--state").out
    )
    reset = ["kafka-consumer-groups", "--group", group_id, "--topic", name, "--reset-offsets"]
    tool(*reset, "--to-earliest", "--dry-run")
    assert all(row[2] == "0" for row in group_rows(tool, group_id).values())
    tool(*reset, "--to-earliest", "--execute")
    assert all(row[0] == "0" for row in group_rows(tool, group_id).values())
    tool(*reset, "--shift-by", 1, "--execute")
    assert all(row[0] == "1" for row in group_rows(tool, group_id).values() if row[1] != "0")
    tool(*reset, "--to-datetime", "2020-01-01T00:00:00.000", "--execute")
    assert all(row[0] == "0" for row in group_rows(tool, group_id).values())
    deleted = tool("kafka-consumer-groups", "--group", group_id, "--delete-offsets", "--topic", name).out
    assert len(re.findall(rf"{name}\s+[01]\s+Successful", deleted)) == 2
    produce(tool, name, range(1))
    consume(tool, name, 1, "--group", group_id, "--from-beginning")
    tool("kafka-consumer-groups", "--delete", "--group", group_id)
    assert group_id not in tool("kafka-consumer-groups", "--list").lines


def test_the_offsets_topic_can_be_read_with_kafkas_formatter(tool, topic, group_id):
    name = topic()
    produce(tool, name, range(5))
    consume(tool, name, 5, "--group", group_id, "--from-beginning")
    formatter = ["--formatter", "org.apache.kafka.tools.consumer.OffsetsMessageFormatter"]
    words = ["--topic", "__consumer_offsets", "--from-beginning", "--timeout-ms", 4000, *formatter]
    records = json.loads("[" + tool("kafka-console-consumer", *words).out.replace("\n", "").replace("}{", "},{") + "]")
    ours = [record for record in records if record["key"]["data"]["group"] == group_id]
    assert ours[-1]["key"]["data"]["topic"] == name
    assert ours[-1]["value"]["data"]["offset"] == 5


def test_a_group_that_is_not_there_is_an_error(tool):
    missing = tool("kafka-consumer-groups", "--describe", "--group", "nobody", code=None)
    assert "GroupIdNotFoundException: Group nobody not found." in missing.text


# Configs


def test_a_topics_configs_are_altered_and_described(tool, topic):
    name = topic()
    entity = ["--entity-type", "topics", "--entity-name", name]
    tool("kafka-configs", *entity, "--alter", "--add-config", "retention.ms=1000,cleanup.policy=[delete]")
    described = tool("kafka-configs", *entity, "--describe").out
    assert "retention.ms=1000 sensitive=false synonyms={DYNAMIC_TOPIC_CONFIG:retention.ms=1000" in described
    tool("kafka-configs", *entity, "--alter", "--delete-config", "retention.ms")
    assert "retention.ms" not in tool("kafka-configs", *entity, "--describe").out
    everything = tool("kafka-configs", *entity, "--describe", "--all").out
    assert (
        "segment.bytes=1073741824 sensitive=false synonyms={DEFAULT_CONFIG:log.segment.bytes=1073741824}" in everything
    )
    bad = tool("kafka-configs", *entity, "--alter", "--add-config", "retention.ms=x", code=1)
    assert "Invalid value x for configuration retention.ms: Not a number of type LONG" in bad.text
    unknown = tool("kafka-configs", *entity, "--alter", "--add-config", "no.such=1", code=1)
    assert "Unknown topic config name: no.such" in unknown.text


def test_a_brokers_configs_are_altered_and_described(tool):
    one, default = ["--entity-type", "brokers", "--entity-name", "1"], ["--entity-type", "brokers", "--entity-default"]
    assert "node.id=1" in tool("kafka-configs", *one, "--describe", "--all").out
    tool("kafka-configs", *default, "--alter", "--add-config", "log.retention.ms=9000000")
    tool("kafka-configs", *one, "--alter", "--add-config", "log.retention.ms=8000000")
    described = tool("kafka-configs", *one, "--describe").out
    assert (
        "log.retention.ms=8000000 sensitive=false synonyms={DYNAMIC_BROKER_CONFIG:log.retention.ms=8000000, "
        "DYNAMIC_DEFAULT_BROKER_CONFIG:log.retention.ms=9000000" in described
    )
    assert "log.retention.ms=9000000" in tool("kafka-configs", *default, "--describe").out
    tool("kafka-configs", *one, "--alter", "--delete-config", "log.retention.ms")
    tool("kafka-configs", *default, "--alter", "--delete-config", "log.retention.ms")
    assert "log.retention.ms" not in tool("kafka-configs", *one, "--describe").out


# Partitions


def test_offsets_and_deleted_records(tool, topic, tmp_path):
    name = topic(partitions=2)
    produce(tool, name, range(10), "--reader-property", "parse.key=false", "--batch-size", "1")
    latest = dict(line.rsplit(":", 1) for line in offsets(tool, name))
    assert sum(map(int, latest.values())) == 10
    assert offsets(tool, name, "--time", "earliest") == [f"{name}:0:0", f"{name}:1:0"]
    chosen = next(key for key, value in latest.items() if int(value) >= 1)
    partition = int(chosen.rpartition(":")[2])
    file = tmp_path / "delete.json"
    file.write_text(json.dumps({"partitions": [{"topic": name, "partition": partition, "offset": 1}], "version": 1}))
    assert (
        f"partition: {name}-{partition}\tlow_watermark: 1"
        in tool("kafka-delete-records", "--offset-json-file", file).out
    )
    assert f"{chosen}:1" in offsets(tool, name, "--time", "earliest")


def test_preferred_leaders_are_elected(tool, topic, cluster):
    name = topic() + "-led"
    tool("kafka-topics", "--create", "--topic", name, "--replica-assignment", "2:3:1")
    election = ["--election-type", "preferred", "--topic", name, "--partition", 0]
    assert "Valid replica already elected" in tool("kafka-leader-election", *election).out
    cluster.call(cluster.stop_node(2))
    assert "Leader: 3" in tool("kafka-topics", "--describe", "--topic", name).out
    cluster.call(cluster.start_node(2))
    tool("scenario", "untilIsr", name, 3)
    assert "Successfully completed leader election (PREFERRED)" in tool("kafka-leader-election", *election).out
    assert "Leader: 2" in tool("kafka-topics", "--describe", "--topic", name).out


def test_the_replicas_on_all_nodes_are_of_one_size(tool, topic):
    name = topic()
    produce(tool, name, range(100))
    listed = tool("kafka-log-dirs", "--describe", "--topic-list", name, "--broker-list", "1,2,3")
    text = next(line for line in listed.lines if line.startswith("{"))
    sizes = {
        partition["size"]
        for broker in json.loads(text)["brokers"]
        for directory in broker["logDirs"]
        for partition in directory["partitions"]
    }
    assert len(sizes) == 1
    assert sizes.pop() > 0


# The cluster


def test_the_quorum_is_described(tool):
    status = tool("kafka-metadata-quorum", "describe", "--status").out
    assert re.search(r"LeaderId:\s+[123]\n", status)
    assert re.search(r"CurrentVoters:.*\b1\b.*\b2\b.*\b3\b", status)
    assert re.search(r"MaxFollowerLag:\s+\d+\n", status)
    header, *rows = tool("kafka-metadata-quorum", "describe", "--replication").lines
    assert header.split() == [
        "NodeId", "DirectoryId", "LogEndOffset", "Lag", "LastFetchTimestamp", "LastCaughtUpTimestamp", "Status",
    ]  # fmt: skip
    assert sorted(row.split()[-1] for row in rows) == ["Follower", "Follower", "Leader"]


def test_api_versions_of_every_broker(tool):
    out = tool("kafka-broker-api-versions").out
    assert len(re.findall(r"\(id: [123] rack: rack-[123] isFenced: false\) -> \(", out)) == 3
    assert "UNKNOWN" not in out
    assert re.search(r"Produce\(0\): \d+ to 13 \[usable: 13\]", out)


def test_the_clusters_id_and_endpoints(tool, cluster):
    assert f"Cluster ID: {cluster.cluster_id}" in tool("kafka-cluster", "cluster-id").out
    header, *rows = tool("kafka-cluster", "list-endpoints").lines
    assert header.split()[:3] == ["ID", "HOST", "PORT"]
    assert [row.split()[0] for row in rows] == ["1", "2", "3"]


def test_finalized_features(tool):
    lines = tool("kafka-features", "describe").lines
    features = {line.split()[1]: re.search(r"FinalizedVersionLevel: (\S+)", line)[1] for line in lines}
    assert features["metadata.version"].startswith("4.")
    assert features.get("group.version", "0") == "0"
    assert features.get("transaction.version", "0") == "0"


def test_no_reassignment_is_listed(tool):
    assert "No partition reassignments found." in tool("kafka-reassign-partitions", "--list").out


# The controllers, asked directly (KIP-919)


@pytest.fixture
def controllers(cluster, jvm):
    """Runs a command against the controllers' listeners."""
    addresses = ",".join(
        f"{node.controller_endpoint.host}:{node.controller_endpoint.port}" for node in cluster.nodes.values()
    )

    def call(name, *arguments):
        words = list(arguments)
        at = 1 if name == "kafka-cluster" else 0
        words[at:at] = ["--bootstrap-controller", addresses]
        return jvm.run(TOOLS[name], *words).out

    return call


def test_controllers_answer_for_themselves(controllers, cluster):
    assert re.search(r"LeaderId:\s+[123]\n", controllers("kafka-metadata-quorum", "describe", "--status"))
    assert f"Cluster ID: {cluster.cluster_id}" in controllers("kafka-cluster", "cluster-id")
    assert controllers("kafka-cluster", "list-endpoints").count("controller") == 3
    assert "metadata.version" in controllers("kafka-features", "describe")


def test_a_brokers_config_is_altered_through_the_controllers(controllers):
    entity = ["--entity-type", "brokers", "--entity-name", "2"]
    controllers("kafka-configs", *entity, "--alter", "--add-config", "message.max.bytes=2000000")
    assert "message.max.bytes=2000000" in controllers("kafka-configs", *entity, "--describe")
    controllers("kafka-configs", *entity, "--alter", "--delete-config", "message.max.bytes")
    assert "message.max.bytes" not in controllers("kafka-configs", *entity, "--describe")


# What is not there


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["kafka-acls", "--list"], "No Authorizer is configured."),
        (["kafka-transactions", "list"], "The node does not support LIST_TRANSACTIONS"),
        (["kafka-configs", "--describe", "--entity-type", "users"], "The node does not support DESCRIBE_CLIENT_QUOTAS"),
        (["kafka-features", "upgrade", "--feature", "group.version=1"], "Local controller"),
    ],
)
def test_what_is_not_there_is_said_at_once(tool, words, said):
    assert said in tool(*words, code=1).text
