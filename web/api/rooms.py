"""The modules whose operations are in the table, in the order in which the document has them."""

from __future__ import annotations

from importlib import import_module

ROOMS = (
    "web.api.service",
    "web.api.v3.clusters",
    "web.api.v3.configs",
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
