"""Sample data: a folder for each use case that Kafka's introduction names, listed in `manifest.toml`.

Each folder has a seeded generator (`generate.py`), what it wrote (`TOPIC.jsonl`, checked in), a README with the story, and
three questions in SQL (`queries.sql`) with their answers (`answers.json`). What may not live here: anything that talks to a
cluster (that is `console.demo`), and anything beyond the standard library.
"""
