"""`stoker sql`: one statement over topics and the cluster's own tables, or a prompt."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from console.commands.options import cluster_options, decode_option, invocation, key_value_pairs
from console.commands.record_options import record_decoder
from console.output.render import FORMATS

if TYPE_CHECKING:
    from console.sql.results import SqlLimits
    from engine.net.cluster_client import ClusterClient

_TABLE_ROWS = 1_000
"""Rows of a table on a terminal unless told otherwise."""


class _OutputFormat(click.ParamType[str]):
    """table, json, jsonl, csv, or parquet=FILE (also csv=FILE and so on)."""

    name = "FORMAT[=FILE]"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        name, separator, file = value.partition("=")
        if name not in (*FORMATS, "parquet"):
            self.fail(f"{name!r} is none of {', '.join(FORMATS)}, parquet=FILE", param, ctx)
        if separator and not file:
            self.fail(f"{name}= needs the name of a file", param, ctx)
        if name == "parquet" and not file:
            self.fail("parquet needs a file: -o parquet=FILE", param, ctx)
        return value


@click.command()
@click.argument("statement", metavar="[SQL]", required=False)
@click.argument("file", metavar="[FILE.sql]", required=False, type=click.Path(dir_okay=False))
@click.option(
    "-o",
    "--output",
    type=_OutputFormat(),
    default="table",
    help="table (default), json, jsonl, csv; or to a file: parquet=FILE, csv=FILE, jsonl=FILE, json=FILE.",
)
@click.option("-p", "--param", "parameters", metavar="NAME=VALUE", multiple=True, help="What $NAME stands for.")
@click.option("--explain", is_flag=True, help="Show what would be read, and read nothing.")
@click.option(
    "--limit-rows",
    type=click.IntRange(min=0),
    metavar="N",
    help=f"Rows at most; 0: all. Default: {_TABLE_ROWS:,} in a table, else all.",
)
@click.option("--time-limit", type=click.FloatRange(min=0), metavar="SECONDS", help="Give up after so long; 0: never.")
@click.option(
    "--key-partitioner",
    type=click.Choice(["murmur2"]),
    help="Trust that keys are where Java's default partitioner puts them: key = 'x' then reads one partition only.",
)
@click.option(
    "--isolation",
    type=click.Choice(["read_uncommitted", "read_committed"]),
    default="read_uncommitted",
    help="read_committed leaves out what was aborted or is not committed yet.",
)
@click.option("--save", "save_as", metavar="NAME", help="Keep the statement under this name.")
@click.option("--saved", "saved_name", metavar="NAME", help="Run the statement that is kept under this name.")
@decode_option
@cluster_options
def sql(
    statement: str | None,
    file: str | None,
    output: str,
    parameters: tuple[str, ...],
    explain: bool,
    limit_rows: int | None,
    time_limit: float | None,
    key_partitioner: str | None,
    isolation: str,
    save_as: str | None,
    saved_name: str | None,
) -> None:
    """Ask topics, and the cluster itself, in SQL.

    Every topic is a table by its own name (in double quotes when it has dashes), with partition, offset, timestamp, key,
    value, headers and more. JSON needs no declaration: value->>'$.status'. Nor does what a schema registry or --decode
    knows, or Kafka's own topics: value is JSON there too, and decode_error says why it is not. The cluster's own tables are brokers, topics,
    partitions, replicas, configs, consumer_groups, group_members, group_offsets, quorum, segments and metrics (every
    figure with its past, where a console of this machine has been sampling); SHOW TABLES lists all, DESCRIBE shows columns. Where a topic has such a name, kafka.NAME is the cluster's.

    Only what is needed is read: partitions and offsets in WHERE, times from where they begin, columns that are
    named. ORDER BY offset (or timestamp) DESC LIMIT n reads from the end. --explain shows it beforehand.

    \b
      stoker sql "select value->>'$.status' status, count(*) from orders group by 1"
      stoker sql "select * from orders order by timestamp desc limit 20"
      stoker sql "select * from group_offsets where lag > 0 order by lag_ms desc"
      stoker sql 'select * from orders where key = $id' -p id=42 -o jsonl
      stoker sql "from orders where timestamp > now() - interval 1 hour" -o parquet=orders.parquet

    The SQL is DuckDB's, read only, in a process without files and network. A FILE.sql (or - for the standard input) holds
    one statement. Without any, a prompt with history and completion.
    """
    from console.commands.session import with_client
    from console.errors import OperatorError
    from console.sql.results import BYTES_MAX, SqlLimits

    call = invocation()
    call.output = output.partition("=")[0]
    if statement is not None and file is None and (statement == "-" or statement.endswith(".sql")):
        statement, file = None, statement
    if statement is not None and file is not None:
        raise click.UsageError("give the statement or a file with it, not both")
    if file is not None:
        try:
            statement = sys.stdin.read() if file == "-" else Path(file).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise OperatorError.words(f"cannot read {file}: {error}") from error
    if saved_name is not None:
        from console.sql.saved import saved

        if statement is not None:
            raise click.UsageError("give a statement or --saved, not both")
        statement = saved(saved_name).sql
    if save_as is not None:
        from console.sql.saved import SavedQuery, save

        if statement is None:
            raise click.UsageError("--save needs a statement")
        save(SavedQuery(save_as, statement))
    if limit_rows is None:
        limit_rows = _TABLE_ROWS if output == "table" else 0
    limits = SqlLimits(
        rows_max=limit_rows or None,
        bytes_max=BYTES_MAX if output == "table" else None,
        time_ms=None if not time_limit else round(time_limit * 1000),
        key_partitioner=key_partitioner is not None,
        read_committed=isolation == "read_committed",
    )
    values = key_value_pairs(parameters, "--param")
    if statement is None:
        if not sys.stdin.isatty():
            statement = sys.stdin.read()
        else:
            from console.commands.sql_prompt import prompt

            with_client(lambda client: prompt(client, limits))
            return
    text = statement
    if explain:
        with_client(lambda client: _explain(client, text, values, limits))
    else:
        with_client(lambda client: _run(client, text, values, limits, output))


async def _run(client: ClusterClient, statement: str, values: dict[str, str], limits: SqlLimits, output: str) -> None:
    from console.commands.sql_output import print_result
    from console.history.elsewhere import HistoryElsewhere
    from console.sql.segment_files import local_data_dir
    from console.sql.service import SqlService

    tables = (HistoryElsewhere(client),)
    files = local_data_dir(client)
    async with SqlService(client, providers=tables, data_dir=files, decoder=record_decoder()) as service:
        await print_result(service, statement, values, limits, output)


async def _explain(client: ClusterClient, statement: str, values: dict[str, Any], limits: SqlLimits) -> None:
    from console.commands.sql_output import print_plan
    from console.history.elsewhere import HistoryElsewhere
    from console.sql.segment_files import local_data_dir
    from console.sql.service import SqlService

    tables = (HistoryElsewhere(client),)
    files = local_data_dir(client)
    async with SqlService(client, providers=tables, data_dir=files, decoder=record_decoder()) as service:
        print_plan(await service.explain(statement, values, limits), invocation().output)
