"""kafka-dump-log reads every file a stopped cluster has left, without complaint."""

import asyncio
import re
from pathlib import Path

import pytest

from engine.cluster import Cluster
from tests.java.conftest import TOOLS

pytestmark = pytest.mark.java

COMPLAINT = re.compile("mismatch|out of order|is followed by|isvalid: false|exception|error|could not", re.IGNORECASE)
NO_COMPLAINT = "  -1 is followed by "
"""What 4.3.0 says about the first record of every segment but the first: it takes -1 for the offset before."""
PROPERTIES = {
    "metadata.log.max.record.bytes.between.snapshots": "3000",
    "offsets.topic.num.partitions": "3",
    "log.index.interval.bytes": "2048",
}


def workload(cluster, jvm):
    """Several segments, every codec, two groups, epochs, deleted records, a node killed and back, configs."""
    servers = ["--bootstrap-server", cluster.bootstrap_servers]

    def scenario(name, *arguments):
        jvm.run(TOOLS["scenario"], *servers, name, *arguments)

    for topic, partitions in (("codecs", 1), ("order", 1), ("resume", 1), ("shared", 6), ("admin", 1)):
        cluster.call(cluster.create_topic(topic, partitions=partitions))
    cluster.call(cluster.create_topic("segments", configs={"segment.bytes": str(1 << 20)}))
    cluster.call(cluster.create_topic("compact", configs={"cleanup.policy": "compact"}))
    scenario("everyCodec", "codecs")
    scenario("idempotentOrder", "order")
    scenario("commitAndResume", "resume", "g-resume")
    scenario("staticMembers", "shared", "g-static")
    scenario("admin", "admin", "g-admin")
    perf = "org.apache.kafka.tools.ProducerPerformance"
    words = [*servers, "--topic", "segments", "--record-size", "1000", "--throughput", "-1", "--num-records", "2500"]
    jvm.run(perf, *words)
    cluster.call_soon(cluster.kill_node, 2)
    jvm.run(perf, *words)
    cluster.call(cluster.start_node(2))
    scenario("untilIsr", "segments", "3")
    jvm.run(perf, *words)


@pytest.fixture(scope="module")
def directories(tmp_path_factory, jvm):
    """The log directories of the nodes, after they have stopped."""
    root = tmp_path_factory.mktemp("cluster")
    with Cluster.running(nodes=3, data_dir=str(root), properties=PROPERTIES) as cluster:
        workload(cluster, jvm)
        directories = [Path(cluster.node_directory(node_id)) for node_id in cluster.node_ids]
    assert not cluster.nodes
    return directories


def dump(jvm, files, *options):
    """What kafka-dump-log prints about the files."""
    out = jvm.run("org.apache.kafka.tools.DumpLogSegments", *options, "--files", ",".join(map(str, files))).text
    for file in files:
        assert f"Dumping {file}" in out
    complaints = [line for line in out.splitlines() if COMPLAINT.search(line) and not line.startswith(NO_COMPLAINT)]
    assert not complaints, "\n".join(complaints[:20])
    return out


def files(directories, pattern):
    found = sorted(file for directory in directories for file in directory.glob(pattern))
    assert found, f"no {pattern} in {directories}"
    return found


def test_segments_and_their_records(jvm, directories):
    logs = files(directories, "[!_]*/*.log")
    assert len([file for file in logs if file.parent.name == "segments-0"]) >= 3 * 7
    out = dump(jvm, logs, "--deep-iteration", "--print-data-log")
    assert set(re.findall(r"compresscodec: (\w+)", out)) == {"none", "gzip", "snappy", "lz4", "zstd"}


def test_offset_and_time_indexes_agree_with_the_segments(jvm, directories):
    indexes = files(directories, "*/*.index")
    assert sum(file.stat().st_size for file in indexes) > 0
    dump(jvm, indexes)
    dump(jvm, indexes, "--index-sanity-check")
    dump(jvm, indexes, "--verify-index-only")
    dump(jvm, files(directories, "*/*.timeindex"))
    dump(jvm, files(directories, "*/*.timeindex"), "--index-sanity-check")


def test_producer_snapshots(jvm, directories):
    out = dump(jvm, files(directories, "[!_]*/*.snapshot"))
    assert "producerId: " in out


def test_group_metadata_and_offsets(jvm, directories):
    out = dump(
        jvm,
        files(directories, "__consumer_offsets-*/*.log"),
        "--offsets-decoder",
        "--deep-iteration",
        "--print-data-log",
    )
    assert '"group":"g-resume"' in out
    assert '"groupInstanceId":"two"' in out


def test_the_metadata_log_and_its_snapshots(jvm, directories):
    out = dump(jvm, files(directories, "__cluster_metadata-0/*.log"), "--cluster-metadata-decoder")
    for kind in (
        "REGISTER_BROKER_RECORD",
        "TOPIC_RECORD",
        "PARTITION_CHANGE_RECORD",
        "CONFIG_RECORD",
        "FEATURE_LEVEL_RECORD",
    ):
        assert kind in out
    assert "LeaderChange: " in out
    snapshots = files(directories, "__cluster_metadata-0/*.checkpoint")
    out = dump(jvm, snapshots, "--cluster-metadata-decoder")
    assert "SnapshotHeader" in out
    assert "SnapshotFooter" in out
    dump(jvm, files(directories, "__cluster_metadata-0/*index"))


def test_the_cluster_starts_again_from_what_was_dumped(directories):
    """Reading changed nothing."""

    async def restart():
        async with Cluster(nodes=3, data_dir=str(directories[0].parent), properties=PROPERTIES) as cluster:
            return {name for name in ("codecs", "segments") if cluster.nodes[1].broker.metadata.image.topic(name)}

    assert asyncio.run(restart()) == {"codecs", "segments"}
