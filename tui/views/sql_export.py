"""A result in a file: the rows on the screen, or all of them, read again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from console.sql.results import Page, ResultColumn, Statistics
from tui.widgets.result_rows import ArrowRows


class HeldRows:
    """What is on the screen, as the exporter wants it."""

    def __init__(self, rows: ArrowRows) -> None:
        self.columns: tuple[ResultColumn, ...] = rows.columns
        self.statistics = Statistics()
        self._pages = iter(rows.pages)

    def __aiter__(self) -> AsyncIterator[Page]:
        return self

    async def __anext__(self) -> Page:
        for page in self._pages:
            self.statistics.rows += page.batch.num_rows
            await asyncio.sleep(0)
            return page
        raise StopAsyncIteration
