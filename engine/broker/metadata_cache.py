"""The broker's view of the cluster: the newest image, and who wants to hear of the next."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from engine.metadata.image import MetadataImage

if TYPE_CHECKING:
    pass


class MetadataCache:
    """Holds the current image. `image` is replaced as a whole, so a handler that read it once sees one state."""

    def __init__(self) -> None:
        self.image = MetadataImage()
        self._waiters: list[tuple[int, asyncio.Future[None]]] = []

    def publish(self, image: MetadataImage) -> None:
        self.image = image
        if self._waiters:
            waiters, self._waiters = self._waiters, []
            for offset, future in waiters:
                if image.offset >= offset:
                    if not future.done():
                        future.set_result(None)
                else:
                    self._waiters.append((offset, future))

    async def reached(self, offset: int) -> None:
        """Returns once the image is at `offset` or later."""
        if self.image.offset < offset:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.append((offset, future))
            await future

    def alive_brokers(self) -> list[int]:
        """Ids of the brokers that are not fenced, ascending."""
        return [broker.id for broker in self.image.brokers.values() if not broker.fenced]
