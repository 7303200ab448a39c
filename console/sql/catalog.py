"""Which tables there are: topics by their own names, the cluster's own tables, and tables of other rooms.

A bare name is the topic of that name, else the cluster's table; `kafka.NAME` is always the cluster's, `topic."NAME"` always
the topic. A name with dots that was not quoted (orders.v1) is the topic when there is one. Names are taken as written, and
in other letter case where that leaves no doubt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from console.errors import OperatorError, operator_errors
from console.services.configs import ConfigDescription, Resource, ResourceType, describe_configs
from console.services.offsets import READ_COMMITTED, READ_UNCOMMITTED, start_and_end_offsets
from console.services.partial import Missing, missing_partitions
from console.sql.projection import may_name
from console.sql.segments_table import segments_table
from console.sql.system_tables import SYSTEM_TABLES, SystemTable, TableProvider, arrow_table, provided_table
from engine.net.cluster_client import ClusterClient
from engine.protocol.errors import ErrorCode
from engine.protocol.uuids import ZERO_UUID, uuid_to_text
from engine.types import TopicPartition

if TYPE_CHECKING:
    import pyarrow as pa

CLUSTER_SCHEMA = "kafka"
TOPIC_SCHEMA = "topic"
TRANSACTIONS = "__transaction_state"

_ENGINE_SCHEMAS = frozenset(("information_schema", "pg_catalog", "main", "temp", "system", "memory"))


@dataclass(frozen=True, slots=True)
class TopicEntry:
    """A topic for the length of one query. Offsets are [start, end) by partition, fixed when the query began."""

    name: str
    topic_id: str | None
    partition_count: int
    offsets: Mapping[int, tuple[int, int]]
    is_compacted: bool
    """Its policy is not delete alone, or nobody says."""
    is_dense: bool
    """Every offset holds a record, as far as can be told: never compacted by its present policy, and a cluster in which no
    transaction ever ran. (A topic that was compacted before its policy was changed is not noticed.)"""


@dataclass(frozen=True, slots=True)
class RowsEntry:
    """A table that is handed over whole."""

    name: str
    rows: pa.Table


Entry = TopicEntry | RowsEntry


@dataclass(frozen=True, slots=True)
class TableName:
    """One table of the catalog, for lists and completion. `kind` is "topic", "cluster" or "history"."""

    name: str
    kind: str
    about: str
    columns: tuple[str, ...]


class Catalog:
    """Resolves names against one cluster."""

    def __init__(
        self, client: ClusterClient, providers: Sequence[TableProvider] = (), data_dir: Path | None = None
    ) -> None:
        self._client = client
        self._providers = {each.name: each for each in providers}
        self._tables = {**SYSTEM_TABLES, "segments": segments_table(data_dir)}

    async def resolve(
        self, paths: Sequence[tuple[str, ...]], *, read_committed: bool = False, sql: str = "select *"
    ) -> tuple[list[Entry | None], list[str], list[Missing]]:
        """An entry for each path, None where it is none of ours; notes; and what is missing.

        `sql` is the statement: columns that it does not look at may be left NULL.

        Raises OperatorError for a name that is neither a topic nor a table.
        """
        notes: list[str] = []
        missing: list[Missing] = []
        with operator_errors("tables"):
            known = (await self._client.metadata(None)).topics
        topics = {name for name, topic in known.items() if topic.partitions}
        entries: list[Entry | None] = []
        taken: dict[str, str] = {}
        for path in paths:
            entry: Entry | None = None
            if path[0].lower() not in _ENGINE_SCHEMAS or len(path) == 1:
                table = self._table(path)
                topic = _match(".".join(path), topics) or (
                    _match(".".join(path[1:]), topics) if path[0].lower() == TOPIC_SCHEMA and len(path) > 1 else None
                )
                if topic is not None and not (table is not None and len(path) > 1):
                    if table is not None:
                        notes.append(f"{topic} is the topic; the cluster's own table is {CLUSTER_SCHEMA}.{table.name}")
                    _no_second(taken, path, topic)
                    entry = await self._topic(topic, read_committed, missing)
                elif table is not None:
                    entry = await self._rows(table, missing, sql)
                else:
                    raise self._unknown(path, topics)
            entries.append(entry)
        return entries, notes, missing

    def _table(self, path: tuple[str, ...]) -> SystemTable | TableProvider | None:
        if len(path) == 2 and path[0].lower() == CLUSTER_SCHEMA:
            name = path[1].lower()
        elif len(path) == 1:
            name = path[0].lower()
        else:
            return None
        if name == "tables":
            return SystemTable("tables", "", _TABLES_COLUMNS, lambda _: self._tables_rows())
        return self._tables.get(name) or self._providers.get(name)

    async def _rows(self, table: SystemTable | TableProvider, missing: list[Missing], sql: str) -> RowsEntry:
        if not isinstance(table, SystemTable):
            return RowsEntry(table.name, provided_table(table.columns, await table.rows()))
        with operator_errors(table.name):
            rows, lacking = await table.fill(self._client)
            if table.extend is not None and any(may_name(sql, table.name, column) for column in table.dear):
                rows, more = await table.extend(self._client, rows)
                lacking = [*lacking, *more]
        missing += lacking
        return RowsEntry(table.name, arrow_table(table, rows))

    async def _topic(self, name: str, read_committed: bool, missing: list[Missing]) -> TopicEntry:
        view = self._client.view.topics[name]
        partitions = [TopicPartition(name, each.partition) for each in view.partitions]
        with operator_errors(f"topic {name}"):
            answers = await start_and_end_offsets(
                self._client,
                partitions,
                isolation=READ_COMMITTED if read_committed else READ_UNCOMMITTED,
                patience_ms=2_000,
            )
        lacking = {each: answers.why_not(each) or "" for each in partitions if each not in answers.values}
        missing += missing_partitions("records", lacking)
        return TopicEntry(
            name,
            None if view.topic_id == ZERO_UUID else uuid_to_text(view.topic_id),
            len(partitions),
            {each.partition: answers.values[each] for each in partitions if each in answers.values},
            is_compacted := not await self._only_deletes(name),
            not is_compacted and TRANSACTIONS not in self._client.view.topics,
        )

    async def _only_deletes(self, name: str) -> bool:
        resource = Resource(ResourceType.TOPIC, name)
        with operator_errors(f"topic {name}"):
            found = (await describe_configs(self._client, [resource], names=["cleanup.policy"])).get(resource)
        return isinstance(found, ConfigDescription) and found.value("cleanup.policy") == "delete"

    def _unknown(self, path: tuple[str, ...], topics: set[str]) -> OperatorError:
        import difflib

        name = ".".join(path)
        names = sorted(topics | set(self._tables) | set(self._providers))
        near = difflib.get_close_matches(name, names, 3, 0.6)
        hint = f"Did you mean {' or '.join(near)}?" if near else "SHOW TABLES lists topics and tables."
        return OperatorError(f"there is no topic or table {name}", hint=hint, code=ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)

    async def tables(self) -> list[TableName]:
        """Everything that can stand after FROM."""
        from console.sql.topic_columns import TOPIC_COLUMNS

        with operator_errors("tables"):
            view = await self._client.metadata(None)
        topic_columns = tuple(name for name, _, _ in TOPIC_COLUMNS)
        names = [TableName(name, "topic", "", topic_columns) for name, each in view.topics.items() if each.partitions]
        for table in self._tables.values():
            names.append(
                TableName(
                    f"{CLUSTER_SCHEMA}.{table.name}",
                    "cluster",
                    table.about,
                    tuple(name for name, _, _ in table.columns),
                )
            )
        for each in self._providers.values():
            columns = tuple(name for name, _ in each.columns)
            names.append(TableName(f"{CLUSTER_SCHEMA}.{each.name}", "history", "", columns))
        return names

    async def _tables_rows(self) -> tuple[list[Any], list[Missing]]:
        return [
            {"name": each.name, "kind": each.kind, "about": each.about, "columns": ", ".join(each.columns)}
            for each in await self.tables()
        ], []


_TABLES_COLUMNS = (
    ("name", "text", ""),
    ("kind", "text", "topic, cluster or history"),
    ("about", "text", ""),
    ("columns", "text", ""),
)


def _match(name: str, topics: set[str]) -> str | None:
    if name in topics:
        return name
    like = [each for each in topics if each.lower() == name.lower()]
    return like[0] if len(like) == 1 else None


def _no_second(taken: dict[str, str], path: tuple[str, ...], topic: str) -> None:
    """DuckDB does not tell names apart by letter case."""
    other = taken.setdefault(".".join(path).lower(), topic)
    if other != topic:
        raise OperatorError.words(
            f"topics {other} and {topic} differ in letter case only, so one statement cannot name both"
        )
