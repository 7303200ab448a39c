"""The modules whose operations are in the table, in the order in which the document has them."""

from __future__ import annotations

from importlib import import_module

ROOMS = (
    "web.api.views",
    "web.api.group_views",
    "web.api.records.pages",
    "web.api.records.tail",
    "web.api.records.search",
    "web.api.records.export",
    "web.api.records.produce",
    "web.api.sql.plan",
    "web.api.sql.run",
    "web.api.sql.files",
    "web.api.sql.saved",
    "web.api.history",
    "web.api.changes",
    "web.api.service",
    "web.api.v3.clusters",
    "web.api.v3.broker_configs",
    "web.api.v3.topic_configs",
    "web.api.v3.topics",
    "web.api.v3.partitions",
    "web.api.v3.records",
    "web.api.v3.groups",
    "web.api.v3.acls",
)


def load() -> None:
    """Fills the table; once is enough."""
    for name in ROOMS:
        import_module(name)
