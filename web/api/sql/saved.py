"""Statements that are kept by name, and those that were run: the same files as the terminal's."""

from __future__ import annotations

import asyncio
from typing import Annotated

import msgspec

from console.sql.saved import HISTORY_MAX, SavedQuery, load_history, load_saved, remove, save
from web.api.errors import not_found
from web.api.operations import Asked, Call, Nothing, operation
from web.api.sql.run import SqlText

QueryName = Annotated[str, msgspec.Meta(min_length=1, max_length=100, description="The name of a saved statement.")]


class SavedView(msgspec.Struct, kw_only=True):
    """A statement with a name."""

    name: str
    sql: str
    about: str


class SavedBody(Asked, kw_only=True):
    """A statement, and what it is for."""

    sql: SqlText
    about: Annotated[str, msgspec.Meta(max_length=1_000)] = ""


class NamedAsked(Asked, kw_only=True):
    """A saved statement."""

    name: QueryName


class SaveAsked(NamedAsked, kw_only=True):
    """A name, and the statement to keep under it."""

    body: SavedBody


class PastView(msgspec.Struct, kw_only=True):
    """A statement that was run, ms since 1970."""

    sql: str
    at_ms: int


class PastList(msgspec.Struct, kw_only=True):
    """What was run, the newest first."""

    statements: list[PastView]
    statements_max: int


def _view(query: SavedQuery) -> SavedView:
    return SavedView(name=query.name, sql=query.sql, about=query.about)


@operation("GET", "/api/sql/saved", tag="sql", summary="List saved statements", clusterless=True)
async def list_saved_sql(call: Call, asked: Nothing) -> list[SavedView]:
    return [_view(each) for each in (await asyncio.to_thread(load_saved)).values()]


@operation("GET", "/api/sql/saved/{name}", tag="sql", summary="Get a saved statement", clusterless=True)
async def get_saved_sql(call: Call, asked: NamedAsked) -> SavedView:
    return _view(await _saved(asked.name))


@operation("PUT", "/api/sql/saved/{name}", tag="sql", summary="Save a statement", clusterless=True)
async def save_sql(call: Call, asked: SaveAsked) -> SavedView:
    """In place of one of that name."""
    query = SavedQuery(asked.name, asked.body.sql, asked.body.about)
    await asyncio.to_thread(save, query)
    return _view(query)


@operation(
    "DELETE", "/api/sql/saved/{name}", tag="sql", summary="Forget a saved statement", status=204, clusterless=True
)
async def delete_saved_sql(call: Call, asked: NamedAsked) -> None:
    await _saved(asked.name)
    await asyncio.to_thread(remove, asked.name)


async def _saved(name: str) -> SavedQuery:
    found = (await asyncio.to_thread(load_saved)).get(name)
    if found is None:
        raise not_found(f"no statement is saved as {name!r}")
    return found


@operation("GET", "/api/sql/history", tag="sql", summary="List statements that were run", clusterless=True)
async def list_past_sql(call: Call, asked: Nothing) -> PastList:
    past = await asyncio.to_thread(load_history)
    return PastList(
        statements=[PastView(sql=each.sql, at_ms=each.at_ms) for each in reversed(past)], statements_max=HISTORY_MAX
    )
