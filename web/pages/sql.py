"""`/sql`: an editor, the plan before running, the result. `?q=` is the statement, `?p.NAME=` a parameter of it,
`?committed=1` leaves out what is in open or aborted transactions, `?view=chart` draws the result.

An address never runs anything: it may come from anybody. The page shows what the statement would read, and Enter runs it.
Statements can only read (`console.sql.sandbox`). What runs them is `/api/sql`; the page's script (`js/sql/`) asks it.
"""

from __future__ import annotations

import asyncio
from typing import Any

from console.errors import OperatorError
from console.services.partial import Missing
from console.sql.saved import load_saved
from web.api.limits import SQL_ROWS_DEFAULT, SQL_TEXT_BYTES_MAX
from web.ask import Ask, with_query
from web.page import Page, PageRoute

PARAMETERS_MAX = 100


async def sql(ask: Ask) -> Page:
    """The page. `.json` has the statement, its parameters, and the statements that are saved."""
    text = ask.get("q")[:SQL_TEXT_BYTES_MAX]
    missing: list[Missing] = []
    try:
        saved = [
            {"name": each.name, "sql": each.sql, "about": each.about}
            for each in (await asyncio.to_thread(load_saved)).values()
        ]
    except OperatorError as error:
        saved = []
        missing.append(Missing("saved statements", f"{error.title}. {error.detail}".strip()))
    parameters = {
        name[2:]: value
        for name, value in list(ask.request.query_params.multi_items())[: PARAMETERS_MAX * 2]
        if name.startswith("p.") and len(name) > 2
    }
    data: dict[str, Any] = {
        "sql": text,
        "parameters": parameters,
        "committed": ask.flag("committed"),
        "saved": saved,
        "rows_max": SQL_ROWS_DEFAULT,
    }
    return Page(
        "SQL",
        "pages/sql.html",
        data,
        missing=missing,
        view={
            "examples": [(title, with_query(ask.url("sql"), {"q": each})) for title, each in examples(ask)],
            "text_max": SQL_TEXT_BYTES_MAX,
        },
        live=False,
    )


def examples(ask: Ask) -> list[tuple[str, str]]:
    """Statements to begin with, of the topic here that has most records."""
    snapshot = ask.cluster.latest
    ends: dict[str, int] = {}
    if snapshot is not None:
        for partition, (start, end) in snapshot.offsets.items():
            if not partition.topic.startswith("__"):
                ends[partition.topic] = ends.get(partition.topic, 0) + end - start
    found: list[tuple[str, str]] = []
    if ends:
        name = max(sorted(ends), key=lambda each: ends[each])
        table = '"' + name.replace('"', '""') + '"'
        found = [
            (
                f"The newest of {name}",
                f"select timestamp, key, value\nfrom {table}\norder by timestamp desc\nlimit 100",
            ),
            (
                f"{name} by the minute",
                "select date_trunc('minute', timestamp) as minute, count(*) as records, sum(value_size) as bytes\n"
                f"from {table}\ngroup by all\norder by minute",
            ),
            (
                f"Keys of {name} with most records",
                f"select key, count(*) as records\nfrom {table}\ngroup by key\norder by records desc\nlimit 20",
            ),
        ]
    return [
        *found,
        (
            "Who lags, and how far",
            "select group_id, topic, sum(lag) as lag, max(lag_ms) as lag_ms\nfrom group_offsets\nwhere lag > 0\n"
            "group by all\norder by lag desc",
        ),
        (
            "What was configured",
            "select resource_type, resource, name, value\nfrom configs\nwhere is_override\norder by all",
        ),
        (
            "Lag over the last hour",
            "select date_trunc('minute', time) as minute, group_id, max(value) as lag\nfrom metrics\n"
            "where metric = 'kafka_consumergroup_lag' and time > now() - interval 1 hour\n"
            "group by all\norder by minute",
        ),
        ("All tables", "select * from tables"),
    ]


PAGES = (PageRoute("/sql", sql, suffixes=("json",)),)
