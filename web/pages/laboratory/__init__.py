"""The laboratory in the browser: the world, its lessons, what is done to it, and what can be taken along.

What lives here: the pages (`world`, `lessons`), what they ask while they are open (`doing`, `streaming`), and the bounded
worlds behind the browsers' cookies (`sessions`). What may not live here: how a world is played; that is
`console.laboratory`'s.
"""

from web.page import PageRoute
from web.pages.laboratory import doing, lessons, streaming, world

PAGES: tuple[PageRoute, ...] = (*world.PAGES, *lessons.PAGES, *streaming.PAGES, *doing.PAGES)
