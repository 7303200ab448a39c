"""`/brokers/ID/requests`: what the broker answers, how much of it and how quickly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from console.metrics.request_rates import RequestRate
from web.ask import Ask
from web.formatting import rate
from web.history import WINDOWS, window_of
from web.page import Crumb, Page, PageRoute
from web.pages.brokers import found_broker
from web.pages.past import Figure, drawn
from web.tables import Column, Row, Table

COLUMNS = (
    Column("request", "Request", "mono", "As Kafka's RequestMetrics name it"),
    Column("per_second", "Answered", "rate", "Over the last minute"),
    Column("mean_ms", "Mean", "milliseconds", "From the request to its answer, with what it waited for (TotalTimeMs)"),
    Column("p50_ms", "p50", "milliseconds", "Half of them took no longer", narrow=False),
    Column("p99_ms", "p99", "milliseconds", "99 of 100 took no longer"),
    Column("request_bytes_per_second", "In", "byte_rate", "Bytes of requests", narrow=False),
    Column("response_bytes_per_second", "Out", "byte_rate", "Bytes of answers"),
    Column("count", "Since it began", "number", narrow=False),
)

WAITS = "Fetches wait until there is something to be read (fetch.max.wait.ms), so theirs are long when little comes."


async def broker_requests(ask: Ask) -> Page:
    """One broker's requests by kind. Only who runs a broker can tell; Kafka itself tells over JMX alone."""
    found = await found_broker(ask)
    node, requests = found.node_id, found.snapshot.requests
    rates = ask.cluster.sampler.request_rates.rates(node)
    told = requests is not None and node in requests
    table = Table(
        COLUMNS,
        request_rows(rates) if told else (),
        key="request",
        id="requests",
        sort="-per_second",
        noun="kind",
        empty="Nobody has asked it anything yet." if told else "It is not told what this broker answers.",
    )
    charts = []
    if ask.suffix == "html" and told:
        broker = {"broker": str(node)}
        charts = await drawn(
            ask,
            Figure("Requests", "stoker_requests_total", rate, broker, per_second=True, by=("request",)),
            Figure("Bytes in, from producers", "stoker_request_bytes_total", byte_rate, {**broker, "request": "Produce"}, per_second=True, binary=True),
            Figure("Bytes out, to consumers", "stoker_response_bytes_total", byte_rate, {**broker, "request": "FetchConsumer"}, per_second=True, binary=True),
        )  # fmt: skip
    data: dict[str, Any] = {"at_ms": found.now.at_ms, "broker": node, "is_told": told, **totals(rates if told else ())}
    view = {"charts": charts, "windows": list(WINDOWS), "window": window_of(ask.get("window"))[0], "waits": WAITS}
    crumbs = (Crumb("Brokers", ask.url("brokers")), Crumb(f"Broker {node}", ask.url("brokers", node)))
    return Page(
        "Requests", "pages/broker_requests.html", data, table, found.now.missing, crumbs, view=view, nav="/brokers"
    )


def request_rows(rates: Sequence[RequestRate]) -> list[Row]:
    """A row for each kind."""
    return [{name: getattr(each, name) for name in (column.name for column in COLUMNS)} for each in rates]


def totals(rates: Sequence[RequestRate]) -> dict[str, float | None]:
    """All kinds together, and what producers send and consumers get."""

    def total(values: Sequence[float | None]) -> float | None:
        known = [value for value in values if value is not None]
        return sum(known) if known else None

    return {
        "requests_per_second": total([each.per_second for each in rates]),
        "bytes_in_per_second": total([each.request_bytes_per_second for each in rates if each.request == "Produce"]),
        "bytes_out_per_second": total(
            [each.response_bytes_per_second for each in rates if each.request == "FetchConsumer"]
        ),
    }


def byte_rate(value: float | None) -> str:
    return rate(value, "B")


PAGES = (PageRoute("/brokers/{broker}/requests", broker_requests),)
