"""The pages: one module each, with a `PAGES` tuple of its routes. `web.page` says how they are written.

What may not live here: anything that changes the cluster by itself (`web.changes`), or asks Kafka past the services.
"""

from web import changes
from web.page import PageRoute
from web.pages import new_topic, overview, samples, topics

PAGES: tuple[PageRoute, ...] = (*overview.PAGES, *topics.PAGES, *new_topic.PAGES, *samples.PAGES, *changes.PAGES)
"""All of them; a module is added here when its pages work."""
