"""The operator's core: what can be asked of a Kafka cluster and done to it, once, for every face.

What lives here: services (`services/`, one module per noun), records in and out (`records/`), the `stoker` command
(`cli.py`, `commands/`, `output/`) and where it finds its cluster (`contexts.py`, `local_cluster.py`). All of it over the
Kafka protocol, so that it works against any cluster. What may not: HTML, widgets, and any import of `web` or `tui`.
"""
