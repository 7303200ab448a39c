"""The cluster under measurement, in a process of its own, told what to do by lines of JSON on its standard input.

    python tests/bench/serve.py '{"nodes": 3, "processes": false, "properties": {...}, "data_dir": null}'

Each line {"do": method, ...} is answered with one line. It says when it started, was imported, ready: seconds of
`time.monotonic`, which all processes of a machine share.
"""

import asyncio
import gc
import json
import sys
import time

STARTED = time.monotonic()

from engine.cluster import Cluster, new_event_loop  # noqa: E402 - the import is part of what is measured
from engine.runtime.garbage import collect_like_a_server  # noqa: E402

IMPORTED = time.monotonic()


async def serve(options):
    cluster = Cluster(
        options["nodes"],
        processes=options["processes"],
        properties=options["properties"],
        data_dir=options["data_dir"],
    )
    await cluster.start()
    collect_like_a_server()  # as `stoker up` does
    gc.collect()
    answer(bootstrap=cluster.bootstrap_servers, pids=cluster.pids, started=STARTED, imported=IMPORTED,
           ready=time.monotonic(), recovery=reports(cluster))  # fmt: skip
    loop = asyncio.get_running_loop()
    try:
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            request = json.loads(line)
            try:
                answer(**(await globals()["do_" + request.pop("do")](cluster, **request) or {}))
            except Exception as error:
                answer(error=repr(error))
    finally:
        await cluster.stop()


def answer(**values):
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


def reports(cluster):
    """What each node of this process found after an unclean stop."""
    return [
        report.directory
        for node in cluster.nodes.values()
        if node.logs is not None
        for report in node.logs.recovery_reports
    ]


async def do_topic(cluster, name, partitions, replication_factor, configs):
    await cluster.create_topic(
        name, partitions=partitions, replication_factor=replication_factor, configs=configs, timeout_ms=110_000
    )


async def do_kill(cluster, node_id):
    cluster.kill_node(node_id)
    return {"at": time.monotonic()}


async def do_start(cluster, node_id):
    await cluster.start_node(node_id)
    return {"at": time.monotonic()}


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(serve(json.loads(sys.argv[1])))
