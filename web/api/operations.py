"""The table of operations: what each is called, takes and gives. Routes, validation and the OpenAPI document read it.

    class TopicAsked(Asked):
        topic_name: TopicName            # in the path
        with_configs: bool = False       # in the query
        body: NewPartitions              # the body, JSON

    @operation("GET", "/api/topics/{topic_name}", tag="topics", summary="One topic")
    async def get_topic(call: Call, asked: TopicAsked) -> TopicAnswer: ...

What a handler takes and gives is read from its annotations. Fields that the path names are in the path, `body` is the
body, the rest is the query. Nothing else is let in.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, get_type_hints

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from console.errors import OperatorError
from console.open_cluster import OpenCluster
from web.api.errors import ApiError
from web.api.limits import BODY_BYTES_MAX
from web.clusters import cluster_of


class Asked(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What a request says."""


class Nothing(Asked, kw_only=True):
    """Neither parameters nor a body."""


@dataclass(slots=True)
class Reply:
    """What a handler says beside its answer."""

    status: int | None = None
    """One of `Operation.also`, instead of the usual one."""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Call:
    """A request on its way to a handler."""

    request: Request
    operation: Operation
    reply: Reply = field(default_factory=Reply)

    @property
    def cluster(self) -> OpenCluster:
        """The cluster it is about. Raises ApiError when there is none of that name."""
        try:
            return cluster_of(self.request)
        except OperatorError as error:
            raise ApiError(404, error.title, detail=error.detail, hint=error.hint) from error

    @property
    def base_url(self) -> str:
        """What addresses in answers begin with: scheme, host, and /clusters/NAME where the request had it."""
        base = str(self.request.base_url).rstrip("/")
        name = self.request.path_params.get("cluster")
        if name is None:
            return base
        from urllib.parse import quote

        return f"{base}/clusters/{quote(name, safe='')}"

    @property
    def user(self) -> str:
        """Who asks, as far as is known."""
        return self.cluster.door.user


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """One row of the table."""

    method: str
    path: str
    handler: Callable[[Call, Any], Awaitable[Any]]
    tag: str
    summary: str
    description: str
    asked: type[Asked]
    answer: Any
    """The type of the answer, in JSON; None: no content; a Response: see `media`."""
    status: int = 200
    media: Mapping[str, Any] = field(default_factory=dict)
    """What a Response holds, by media type: a sentence, or the type of its JSON."""
    body_bytes_max: int = BODY_BYTES_MAX
    is_changing: bool = False
    """It changes the cluster, so that read-only mode refuses it."""
    statuses: Mapping[int, str] = field(default_factory=dict)
    """Errors beside the usual ones, with what they mean."""
    also: Mapping[int, str] = field(default_factory=dict)
    """Statuses with the same answer as the usual one has, with what they mean."""
    streamed: Any = None
    """The type of each of the JSON texts in the body, which the handler reads by itself while they come."""
    clusterless: bool = False
    """It is about the console, not about one cluster."""

    @property
    def name(self) -> str:
        return self.handler.__name__

    @property
    def path_names(self) -> list[str]:
        return [part[1:-1] for part in self.path.split("/") if part.startswith("{")]

    @property
    def is_v3(self) -> bool:
        return self.path.startswith("/v3")


OPERATIONS: list[Operation] = []
"""All of them, in the order of the modules."""

Handler = TypeVar("Handler", bound=Callable[..., Awaitable[Any]])


def operation(
    method: str,
    path: str,
    *,
    tag: str,
    summary: str,
    status: int = 200,
    media: Mapping[str, Any] | None = None,
    body_bytes_max: int = BODY_BYTES_MAX,
    changes: bool = False,
    statuses: Mapping[int, str] | None = None,
    also: Mapping[int, str] | None = None,
    streamed: Any = None,
    clusterless: bool = False,
) -> Callable[[Handler], Handler]:
    """Puts a handler into the table."""

    def put(handler: Handler) -> Handler:
        hints = get_type_hints(handler)
        answer = hints["return"]
        entry = Operation(
            method,
            path,
            handler,
            tag,
            summary,
            inspect.getdoc(handler) or "",
            hints["asked"],
            None if answer is type(None) else answer,
            status,
            media or {},
            body_bytes_max,
            changes,
            statuses or {},
            also or {},
            streamed,
            clusterless,
        )
        missing = set(entry.path_names) - {each.name for each in msgspec.structs.fields(entry.asked)}
        assert not missing, f"{path}: {missing} not in {entry.asked}"
        OPERATIONS.append(entry)
        return handler

    return put


def is_response(answer: Any) -> bool:
    """Whether the handler makes the whole response by itself."""
    return inspect.isclass(answer) and issubclass(answer, Response)
