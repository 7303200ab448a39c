"""The console itself: is it well, its metrics, and this API's own description."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from functools import cache
from typing import Any, Literal

import msgspec
from starlette.responses import Response, StreamingResponse

from console.metrics.exposition import CONTENT_TYPE, render_pieces
from web.api.answers import NEVER_KEPT, to_json
from web.api.openapi import document
from web.api.operations import Call, Nothing, operation


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the console has a cluster to show. Nothing about what is in it: this is asked without a token."""

    status: Literal["ok", "starting", "unreachable"]
    passes: int
    """How often the cluster was looked at since the console began."""


@operation(
    "GET",
    "/healthz",
    tag="service",
    summary="Is it well?",
    media={"application/json": Health},
    statuses={503: "The cluster has not answered (yet)."},
    clusterless=True,
)
async def get_health(call: Call, asked: Nothing) -> Response:
    """200 while the newest pass over the cluster succeeded, 503 otherwise. Needs no token."""
    cluster = call.cluster
    status: Literal["ok", "starting", "unreachable"] = "ok"
    if cluster.failure is not None:
        status = "unreachable"
    elif cluster.latest is None:
        status = "starting"
    health = Health(status=status, passes=cluster.sampler.passes)
    return Response(to_json(health), 200 if status == "ok" else 503, media_type="application/json", headers=NEVER_KEPT)


@operation(
    "GET",
    "/metrics",
    tag="service",
    summary="Metrics for Prometheus",
    media={"text/plain": "Exposition format 0.0.4, with the names of kafka_exporter and stoker_*."},
)
async def get_metrics(call: Call, asked: Nothing) -> Response:
    """Of the newest pass over the cluster; empty before the first. While the cluster does not answer `stoker_cluster_up` is
    0 and there is nothing else, so that alarms about what is absent go off."""
    pieces = _in_turn(render_pieces(call.cluster.sampler.metrics()))
    return StreamingResponse(pieces, headers={**NEVER_KEPT, "Content-Type": CONTENT_TYPE})


async def _in_turn(pieces: Iterator[str]) -> AsyncIterator[str]:
    """Others have their turn between the pieces: ten thousand groups take half a second."""
    for piece in pieces:
        yield piece
        await asyncio.sleep(0)


@cache
def _document() -> bytes:
    return to_json(document(), exact=False)


@operation(
    "GET",
    "/openapi.json",
    tag="service",
    summary="This document",
    media={"application/json": dict[str, Any]},
    clusterless=True,
)
async def get_openapi(call: Call, asked: Nothing) -> Response:
    return Response(_document(), media_type="application/json", headers=NEVER_KEPT)
