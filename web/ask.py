"""What a page is asked: the cluster, what the address says, and addresses of other pages."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl, quote, urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request

from console.open_cluster import OpenCluster
from web.clusters import Clusters, cluster_of
from web.names import part_of
from web.tables import WINDOW_ROWS, WINDOW_ROWS_MAX, TableState

FORM_FIELDS_MAX = 1_000

TRANSIENT = frozenset({"_part", "done", "changed", "from", "count"})
"""Of an address, what is not the page's state: which part of it is meant, and the message after a change."""


class Ask:
    """One question to a page."""

    def __init__(self, request: Request, suffix: str = "html") -> None:
        self.request = request
        self.suffix = suffix
        """What is wanted: html, json or csv."""
        self._cluster: OpenCluster | None = None

    @property
    def cluster(self) -> OpenCluster:
        """The cluster that is meant. Raises OperatorError when there is no such context."""
        if self._cluster is None:
            self._cluster = cluster_of(self.request)
        return self._cluster

    @property
    def clusters(self) -> Clusters:
        clusters: Clusters = self.request.app.state.clusters
        return clusters

    @property
    def is_post(self) -> bool:
        return self.request.method == "POST"

    @property
    def is_part(self) -> bool:
        """Whether only what changes is wanted, without the frame around it."""
        return "_part" in self.request.query_params

    def part(self, name: str) -> str:
        """A name out of the path: of `/topics/{topic}` the topic."""
        return str(self.request.path_params[name])

    def get(self, name: str, default: str = "") -> str:
        """One value of the query string."""
        return self.request.query_params.get(name, default)

    def all(self, name: str) -> list[str]:
        return self.request.query_params.getlist(name)

    def flag(self, name: str, default: bool = False) -> bool:
        value = self.request.query_params.get(name)
        return default if value is None else value not in ("", "0", "no", "false", "off")

    def integer(self, name: str, default: int, low: int = 0, high: int = 2**63 - 1) -> int:
        """A number of the query string within its bounds. Raises HTTPException 400 when it is none."""
        text = self.request.query_params.get(name)
        if text is None or text == "":
            return default
        try:
            if len(text) > 20:
                raise ValueError
            value = int(text)
        except ValueError:
            raise HTTPException(400, f"{name} is a whole number, not {text[:40]!r}") from None
        return max(low, min(value, high))

    def table_state(self) -> TableState:
        """Filter, order and window of the page's table."""
        sort = self.get("sort")
        count: int | None = None
        if self.suffix == "html" or "count" in self.request.query_params:
            most = WINDOW_ROWS_MAX if self.suffix == "html" else 1_000_000
            count = self.integer("count", WINDOW_ROWS, 1, most)
        return TableState(self.get("q"), sort.lstrip("-"), sort.startswith("-"), self.integer("from", 0), count)

    async def form(self) -> dict[str, str]:
        """The fields of a form that was posted; of a repeated one the last. JSON objects of text will do as well."""
        return {name: values[-1] for name, values in (await self.form_lists()).items()}

    async def form_lists(self) -> dict[str, list[str]]:
        """The same with all values of each field."""
        kind = self.request.headers.get("content-type", "").partition(";")[0].strip().lower()
        body = await self.request.body()
        if kind == "application/json":
            return _json_fields(body)
        if kind != "application/x-www-form-urlencoded":
            raise HTTPException(415, "Send a form or JSON.")
        try:
            pairs = parse_qsl(
                body.decode("utf-8"), keep_blank_values=True, max_num_fields=FORM_FIELDS_MAX, errors="strict"
            )
        except ValueError:
            raise HTTPException(400, "The form cannot be read.") from None
        fields: dict[str, list[str]] = {}
        for name, value in pairs:
            # Browsers send line ends as CR LF.
            fields.setdefault(name, []).append(value.replace("\r\n", "\n"))
        return fields

    @property
    def base(self) -> str:
        """What addresses of this cluster begin with: "" or "/clusters/NAME"."""
        name = self.request.path_params.get("cluster")
        return "" if name is None else f"/clusters/{part_of(name)}"

    def url(self, *parts: str | int, suffix: str = "", query: Mapping[str, object] | None = None) -> str:
        """The address of a page of the same cluster: `url("topics", name)`."""
        path = "/".join(part_of(str(each)) for each in parts)
        if suffix and not path:
            path = "overview"
        text = f"{self.base}/{path}" + (f".{suffix}" if suffix else "")
        return with_query(text, query or {})

    def here(self, *, suffix: str | None = None, keep_window: bool = False, **changes: object) -> str:
        """This address with `changes` to its query (None takes a name out). Without the window, unless it is kept."""
        query: dict[str, object] = {}
        for name, value in self.request.query_params.multi_items():
            if name not in TRANSIENT or (keep_window and name in ("from", "count")):
                query[name] = value
        query.update(changes)
        return with_query(self.path(suffix or ""), query)

    def path(self, suffix: str = "") -> str:
        """This address without its query, as page or with a suffix."""
        path = str(self.request.scope.get("raw_path", b"").decode("latin-1").partition("?")[0]) or quote(
            self.request.url.path
        )
        if self.suffix != "html":
            path = path.removesuffix(f".{self.suffix}")
            if path == f"{self.base}/overview":
                path = f"{self.base}/"
        if suffix:
            path = f"{path}overview" if path.endswith("/") else path
            path += f".{suffix}"
        # An address that begins with two slashes would name another host.
        return "/" + path.lstrip("/")


def with_query(path: str, query: Mapping[str, object]) -> str:
    """The path with those values; None and "" are left out."""
    kept = {name: str(value) for name, value in query.items() if value is not None and value != ""}
    return f"{path}?{urlencode(kept)}" if kept else path


def _json_fields(body: bytes) -> dict[str, list[str]]:
    import msgspec

    try:
        data = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        raise HTTPException(400, "The JSON cannot be read.") from None
    if not isinstance(data, dict):
        raise HTTPException(400, "Send a JSON object.")
    fields: dict[str, list[str]] = {}
    for name, value in data.items():
        values = value if isinstance(value, list) else [value]
        texts = ["" if each is None else "on" if each is True else "" if each is False else each for each in values]
        if not all(isinstance(each, str | int | float) for each in texts):
            raise HTTPException(400, f"{name} is text or a number.")
        fields[name] = [str(each) for each in texts]
    return fields
