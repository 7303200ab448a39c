"""The pages: one module each, with a `PAGES` tuple of its routes. `web.page` says how they are written.

What may not live here: anything that changes the cluster by itself (`web.changes`), or asks Kafka past the services.
"""

from web import changes
from web.page import PageRoute
from web.pages import (
    audit,
    broker_requests,
    brokers,
    configs,
    contexts,
    group,
    group_actions,
    groups,
    laboratory,
    new_topic,
    overview,
    quorum,
    records,
    samples,
    sql,
    topic,
    topic_actions,
    topics,
)

PAGES: tuple[PageRoute, ...] = (
    *overview.PAGES,
    *topics.PAGES,
    *new_topic.PAGES,
    *samples.PAGES,
    *records.PAGES,
    *sql.PAGES,
    *audit.PAGES,
    *brokers.PAGES,
    *broker_requests.PAGES,
    *configs.PAGES,
    *contexts.PAGES,
    *group.PAGES,
    *group_actions.PAGES,
    *groups.PAGES,
    *laboratory.PAGES,
    *quorum.PAGES,
    *topic.PAGES,
    *topic_actions.PAGES,
    *changes.PAGES,
)
"""All of them; a module is added here when its pages work."""
