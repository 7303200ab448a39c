"""From an address to its operation: a tree of the table's paths, matched against the address as it was sent, so that a
group whose name has a slash (%2F) is found."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from console.errors import OperatorError, operator_errors
from engine.errors import ConfigError, KafkaError
from engine.net.cluster_errors import BrokerUnreachable, ClusterUnreachable, UnsupportedByBroker
from engine.protocol.errors import ProtocolError
from web.api.answers import json_response
from web.api.errors import ApiError, api_error
from web.api.operations import OPERATIONS, Call, Operation, is_response
from web.api.reading import read_asked
from web.api.v3.errors import as_confluent

_log = logging.getLogger(__name__)

OWN_ROOTS = frozenset({"api", "v3"})
"""What is below and no operation is answered here, in JSON."""

_FROM_BELOW = (KafkaError, ClusterUnreachable, BrokerUnreachable, UnsupportedByBroker, ProtocolError, ConfigError)


@dataclass(slots=True)
class _Node:
    """A place in the tree."""

    literal: dict[str, _Node] = field(default_factory=dict)
    any: _Node | None = None
    operations: dict[str, Operation] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Found:
    """Where an address leads: the operations there by method, and the values of the path's parameters in order."""

    operations: dict[str, Operation]
    values: tuple[str, ...]
    cluster: str | None


class ApiRoutes(BaseRoute):
    """All operations, at their paths and below /clusters/NAME."""

    def __init__(self, operations: Iterable[Operation] = OPERATIONS) -> None:
        self._root = _Node()
        for each in operations:
            node = self._root
            for part in each.path.strip("/").split("/"):
                if part.startswith("{"):
                    node.any = node.any or _Node()
                    node = node.any
                else:
                    node = node.literal.setdefault(part, _Node())
            assert each.method not in node.operations, each.path
            node.operations[each.method] = each

    def find(self, parts: list[str]) -> Found | None:
        """The operations at a path, its parts decoded."""
        cluster = None
        if len(parts) > 2 and parts[0] == "clusters":
            cluster, parts = parts[1], parts[2:]
        found = _find(self._root, parts, 0, ())
        if found is None:
            return Found({}, (), cluster) if parts and parts[0] in OWN_ROOTS else None
        node, values = found
        if cluster is not None and any(each.clusterless for each in node.operations.values()):
            return None
        return Found(node.operations, values, cluster)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] != "http":
            return Match.NONE, {}
        found = self.find(_parts(scope))
        if found is None:
            return Match.NONE, {}
        params = dict(scope.get("path_params", {}))
        if found.cluster is not None:
            params["cluster"] = found.cluster
        return Match.FULL, {"endpoint": self, "path_params": params, "stoker.found": found}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await _answer(Request(scope, receive), scope["stoker.found"])
        await response(scope, receive, send)


def _parts(scope: Scope) -> list[str]:
    raw = scope.get("raw_path") or scope["path"].encode()
    path = raw.partition(b"?")[0].decode("ascii", "replace")
    root = scope.get("root_path", "")
    if root and path.startswith(root):
        path = path[len(root) :]
    return [unquote(part) for part in path.lstrip("/").split("/")]


def _find(node: _Node, parts: list[str], at: int, values: tuple[str, ...]) -> tuple[_Node, tuple[str, ...]] | None:
    if at == len(parts):
        return (node, values) if node.operations else None
    part = parts[at]
    literal = node.literal.get(part)
    if literal is not None and (found := _find(literal, parts, at + 1, values)) is not None:
        return found
    if node.any is not None and part:
        return _find(node.any, parts, at + 1, (*values, part))
    return None


async def _answer(request: Request, found: Found) -> Response:
    method = "GET" if request.method == "HEAD" else request.method
    operation = found.operations.get(method)
    try:
        if not found.operations:
            raise ApiError(
                404, f"there is nothing at {request.url.path[:200]}", hint="GET /openapi.json lists what there is."
            )
        if operation is None:
            return _failed(
                ApiError(405, f"{method[:20]} is not for {request.url.path[:200]}"),
                any(each.is_v3 for each in found.operations.values()),
                {"Allow": ", ".join(sorted(found.operations))},
            )
        return await _run(request, operation, dict(zip(operation.path_names, found.values, strict=True)))
    except ApiError as error:
        return _failed(error, operation is not None and operation.is_v3)


async def _run(request: Request, operation: Operation, path: dict[str, str]) -> Response:
    call = Call(request, operation)
    try:
        asked = await read_asked(request, operation, path)
        if operation.is_changing and call.cluster.door.readonly:
            raise ApiError(
                403,
                "refused, this is read-only",
                code=40301,
                detail="--readonly, STOKER_READONLY or the context in use says so",
                hint="A plan (POST /api/changes/plan) shows what would change.",
            )
        try:
            answer = await operation.handler(call, asked)
        except _FROM_BELOW as error:
            with operator_errors("request"):
                raise error
    except OperatorError as error:
        raise api_error(error) from error
    except ApiError:
        raise
    except Exception as error:
        # What it was is in the log; whoever asked might be a stranger.
        _log.exception("%s %s failed", operation.method, operation.path)
        raise ApiError(500, "this should not have happened", detail=type(error).__name__) from error
    if is_response(operation.answer):
        assert isinstance(answer, Response)
        return answer
    status = call.reply.status or operation.status
    if operation.answer is None or status == 204:
        return Response(status_code=status, headers=call.reply.headers)
    response = json_response(answer, status, exact=not operation.is_v3)
    response.headers.update(call.reply.headers)
    return response


def _failed(error: ApiError, is_v3: bool, headers: dict[str, str] | None = None) -> Response:
    if is_v3:
        error = as_confluent(error)
    response = json_response(error.failure, error.status)
    response.headers.update(headers or {})
    return response
