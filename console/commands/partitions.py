"""`stoker partitions`: every partition with leader, replicas, offsets and size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import msgspec

from console.commands.options import cluster_options, invocation, output_option

if TYPE_CHECKING:
    from console.services.partitions import PartitionDescription


@click.command()
@click.argument("topics", metavar="[TOPIC]…", nargs=-1)
@click.option("--under-replicated", is_flag=True, help="Only partitions with replicas outside of the ISR.")
@click.option("--unavailable", is_flag=True, help="Only partitions without leader.")
@click.option("--broker", type=int, help="Only partitions with a replica on this broker.")
@output_option
@cluster_options
def partitions(topics: tuple[str, ...], under_replicated: bool, unavailable: bool, broker: int | None) -> None:
    """Show leader, epoch, replicas, ISR, offsets and size per partition, of the TOPICs or of all.

    START is the first offset kept, END the high watermark (the first that consumers may not read yet). Replicas are in
    order of preference: the first one should lead.
    """
    from console.commands.session import tell_missing, with_client
    from console.output.render import print_rows
    from console.services.partitions import list_partitions

    listing = with_client(lambda client: list_partitions(client, topics or None))
    filtered = under_replicated or unavailable
    rows = [
        partition_row(each)
        for each in listing.partitions
        if (not filtered or (under_replicated and each.is_under_replicated) or (unavailable and each.is_unavailable))
        and (broker is None or broker in each.replicas)
    ]
    tell_missing(listing.missing)
    empty = "No partition is like that." if filtered or broker is not None else "There are no partitions."
    print_rows(invocation().output, partition_columns(), rows, empty=empty)


def partition_row(partition: PartitionDescription) -> dict[str, Any]:
    """The partition with the keys that every format uses."""
    return {
        **msgspec.structs.asdict(partition),
        "records_at_most": partition.records_at_most,
        "under_replicated": partition.is_under_replicated,
    }


def partition_columns(*, with_topic: bool = True) -> list[Any]:
    from console.output.style import Style
    from console.output.table import Column
    from console.output.text import count, numbers, size

    def no_leader(value: Any) -> Style | None:
        return Style.BAD if value is None else None

    columns = [
        Column("topic", "TOPIC", flexible=True),
        Column("partition", "PARTITION", right=True),
        Column(
            "leader", "LEADER", lambda leader: "none" if leader is None else str(leader), right=True, style=no_leader
        ),
        Column("leader_epoch", "EPOCH", right=True),
        Column("replicas", "REPLICAS", numbers),
        Column("isr", "ISR", numbers),
        Column("offline_replicas", "OFFLINE", numbers, style=lambda value: Style.BAD if value else None),
        Column("log_start_offset", "START", count, right=True),
        Column("high_watermark", "END", count, right=True),
        Column("size_bytes", "SIZE", size, right=True),
    ]
    return columns if with_topic else columns[1:]
