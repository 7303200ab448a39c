"""The pages: one module each, with a `PAGES` tuple of its routes. `web.page` says how they are written.

What may not live here: anything that changes the cluster by itself (`web.changes`), or asks Kafka past the services.
"""

from web.page import PageRoute
from web.pages import overview, topics

PAGES: tuple[PageRoute, ...] = (*overview.PAGES, *topics.PAGES)
"""All of them; a module is added here when its pages work."""
