"""The history of a cluster for a process that does not sample: out of its file, or from the console that holds it.

Only one process may open the file. While `stoker up` runs, its console does, and gives the table over HTTP, on this
machine, to whoever knows its token: that is in the runtime file, which only the same user reads.
"""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from console.errors import OperatorError, operator_errors
from console.history.sampler import history_file
from console.history.store import History
from console.history.tables import MetricsTable
from console.local_cluster import LocalCluster, find_local_cluster
from engine.net.cluster_client import ClusterClient

if TYPE_CHECKING:
    import pyarrow as pa

TIMEOUT_SECONDS = 30.0
TABLE_BYTES_MAX = 512 * 1024 * 1024

_HINT = "`stoker up` (with its web console) and `stoker web` keep one while they run; their consoles have it at once."


class HistoryElsewhere:
    """The table `metrics` of the cluster of `client`, wherever its history is now."""

    name = MetricsTable.name
    about = MetricsTable.about

    def __init__(
        self,
        client: ClusterClient,
        *,
        path: Callable[[str | None], Path] = history_file,
        local: Callable[[], LocalCluster | None] = lambda: find_local_cluster()[0],
    ) -> None:
        self._client = client
        self._path = path
        self._local = local
        self._columns = MetricsTable(lambda: None)

    @property
    def columns(self) -> tuple[tuple[str, str], ...]:
        return self._columns.columns

    async def rows(self) -> pa.Table:
        """Raises OperatorError when there is none, or nobody gives it."""
        with operator_errors("history"):
            cluster_id = (await self._client.known_view()).cluster_id
        path = self._path(cluster_id)
        if not await asyncio.to_thread(path.exists):
            raise OperatorError("no history of this cluster is kept on this machine", hint=_HINT)
        try:
            history = await History.open(path)
        except OperatorError as error:
            table = await asyncio.to_thread(self._from_console, cluster_id, error)
            return table.cast(self._columns.schema())
        try:
            return await MetricsTable(lambda: history).rows()
        finally:
            await history.close()

    def _from_console(self, cluster_id: str | None, why_not: OperatorError) -> pa.Table:
        """Runs in a thread. Raises OperatorError: `why_not`, where there is no console to ask."""
        local = self._local()
        if local is None or local.web_url is None:
            raise OperatorError(
                why_not.title,
                why_not.detail,
                "Ask in the console of the process that holds it, or start `stoker up` with its web console.",
            )
        return fetch_table(local.web_url, cluster_id)


@dataclass(frozen=True, slots=True)
class _Console:
    """Where a console is, out of the address that it prints."""

    host: str
    port: int
    token: str | None

    @classmethod
    def of(cls, url: str) -> _Console:
        parts = urlsplit(url)
        found = parse_qs(parts.query).get("token") or parse_qs(parts.fragment).get("token")
        if parts.scheme != "http" or parts.hostname is None:
            raise OperatorError("the console's address makes no sense", f"{parts.scheme}://{parts.netloc}")
        return cls(parts.hostname, parts.port or 80, found[0] if found else None)


def fetch_table(web_url: str, cluster_id: str | None) -> pa.Table:
    """The table from the console at that address (with its token). Blocks. Raises OperatorError, also when the console is
    one of another cluster."""
    import pyarrow as pa

    console = _Console.of(web_url)
    where = f"the console at {console.host}:{console.port}"
    headers = {} if console.token is None else {"Authorization": f"Bearer {console.token}"}
    # Straight to this machine: no proxy that the environment names has anything to do with it.
    connection = http.client.HTTPConnection(console.host, console.port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", "/api/history/metrics.arrow", headers=headers)
        response = connection.getresponse()
        data = response.read(TABLE_BYTES_MAX + 1)
    except (OSError, http.client.HTTPException) as error:
        raise OperatorError(f"{where} does not give the history", str(error) or type(error).__name__, _HINT) from error
    finally:
        connection.close()
    if response.status != 200:
        raise OperatorError(f"{where} does not give the history", f"{response.status}: {_message(data)}", _HINT)
    if len(data) > TABLE_BYTES_MAX:
        raise OperatorError("the history is too large", f"more than {TABLE_BYTES_MAX:,} bytes")
    found = response.headers.get("X-Cluster-Id")
    if cluster_id is not None and found != cluster_id:
        raise OperatorError(
            "the history of this cluster is held by another process",
            f"{where} shows cluster {found}, and this one is {cluster_id}",
            "Ask in the console of the process that holds it.",
        )
    try:
        with pa.ipc.open_stream(data) as reader:
            return reader.read_all()
    except (pa.ArrowException, OSError) as error:
        raise OperatorError(f"{where} gave a history that cannot be read", str(error)) from error


def _message(data: bytes) -> str:
    import json

    try:
        return str(json.loads(data)["message"])
    except (ValueError, KeyError, TypeError):
        return data[:200].decode("utf-8", "replace")
