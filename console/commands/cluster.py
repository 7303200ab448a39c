"""`stoker cluster`, `stoker brokers`, `stoker quorum`."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from console.commands.options import cluster_options, invocation, output_option


@click.command()
@output_option
@cluster_options
def cluster() -> None:
    """Show what the cluster is, and how it is: brokers, controller, topics, and what should be zero."""
    from dataclasses import asdict

    from console.commands.session import tell_missing, with_client
    from console.output.render import print_facts
    from console.output.text import count, plural, size
    from console.services.cluster import describe_cluster

    summary = with_client(describe_cluster)
    tell_missing(summary.missing)
    data = {**asdict(summary), "missing": [str(each) for each in summary.missing], "healthy": summary.is_healthy}
    fenced = f", {summary.fenced_broker_count} fenced" if summary.fenced_broker_count else ""
    features = ", ".join(f"{name} {level}" for name, level in sorted(summary.finalized_features.items()))
    facts = [
        ("Cluster", summary.cluster_id or "-"),
        ("Health", "ok" if summary.is_healthy else "needs attention"),
        ("Brokers", f"{summary.broker_count} alive{fenced}"),
        ("Controller", "none" if summary.controller is None else str(summary.controller)),
        ("Topics", f"{count(summary.topic_count)}, and {summary.internal_topic_count} internal"),
        (
            "Partitions",
            f"{plural(summary.partition_count, 'partition')}, {plural(summary.replica_count, 'replica')}",
        ),
        ("Unavailable", plural(summary.unavailable_partitions, "partition") + " without leader"),
        ("Under-replicated", plural(summary.under_replicated_partitions, "partition")),
        ("Offline", plural(summary.offline_replicas, "replica")),
        ("Groups", count(summary.group_count)),
        ("Size", f"{size(summary.size_bytes)} with all replicas" if summary.size_bytes is not None else "-"),
        ("Features", features or "-"),
    ]
    print_facts(invocation().output, facts, data)


@click.command()
@output_option
@cluster_options
def brokers() -> None:
    """Show the brokers: where they are, what they lead and hold.

    A fenced broker is registered but does not serve: it is starting, cut off, or shut down.
    """
    from dataclasses import asdict

    from console.commands.session import tell_missing, with_client
    from console.output.render import print_rows
    from console.output.style import Style, bad_above_zero
    from console.output.table import Column
    from console.output.text import count, size
    from console.services.brokers import list_brokers

    listing = with_client(list_brokers)
    tell_missing(listing.missing)
    rows: list[dict[str, Any]] = []
    for broker in listing.brokers:
        row = asdict(broker)
        row["log_dirs"] = [msgspec.structs.asdict(each) for each in broker.log_dirs]
        row["state"] = "fenced" if broker.is_fenced else "alive"
        row["address"] = f"{broker.host}:{broker.port}"
        rows.append(row)
    columns = [
        Column("node_id", "BROKER", right=True),
        Column("address", "ADDRESS"),
        Column("state", "STATE", style=lambda state: Style.GOOD if state == "alive" else Style.BAD),
        Column("is_controller", "CONTROLLER", lambda value: "yes" if value else ""),
        Column("rack", "RACK"),
        Column("leaders", "LEADERS", count, right=True),
        Column("replicas", "REPLICAS", count, right=True),
        Column("out_of_sync_replicas", "OUT OF SYNC", count, right=True, style=bad_above_zero),
        Column("size_bytes", "SIZE", size, right=True),
    ]
    if not any(row["rack"] for row in rows):
        columns = [column for column in columns if column.key != "rack"]
    print_rows(invocation().output, columns, rows)


@click.command()
@output_option
@cluster_options
def quorum() -> None:
    """Show the metadata quorum: its leader is the active controller, voters elect it, observers follow."""
    from dataclasses import asdict

    from console.commands.session import with_client
    from console.output.render import print_facts, print_rows, write
    from console.output.style import Style
    from console.output.table import Column
    from console.output.text import count, moment
    from console.services.quorum import describe_quorum

    found = with_client(describe_quorum)
    output = invocation().output
    rows = [{**asdict(replica), "role": replica.role.value} for replica in found.replicas]
    if output in ("json", "jsonl"):
        data = {
            "leader": found.leader,
            "leader_epoch": found.leader_epoch,
            "high_watermark": found.high_watermark,
            "max_voter_lag": found.max_voter_lag,
            "replicas": rows,
        }
        print_facts(output, (), data)
        return
    if output == "table":
        facts = [
            ("Leader", "none" if found.leader is None else str(found.leader)),
            ("Epoch", str(found.leader_epoch)),
            ("High watermark", count(found.high_watermark)),
            ("Largest voter lag", count(found.max_voter_lag)),
        ]
        print_facts(output, facts, {})
        write("")
    columns = [
        Column("node_id", "NODE", right=True),
        Column("role", "ROLE", style=lambda role: Style.GOOD if role == "leader" else None),
        Column("log_end_offset", "LOG END", count, right=True),
        Column("lag", "LAG", count, right=True),
        Column("last_fetch_timestamp", "LAST FETCH", moment),
        Column("last_caught_up_timestamp", "LAST CAUGHT UP", moment),
        Column("endpoints", "ENDPOINTS", lambda each: ", ".join(each) or "-", flexible=True),
    ]
    print_rows(output, columns, rows)
