"""SQL over everything: each topic is a table by its own name, and so are the cluster's own tables, joinable at will.

Two processes share the work. The console's (the *parent*: `service`, `catalog`, `scans`, `worker_process`) owns the
connection to the cluster: it says what tables there are, fetches raw record batches, and holds the limits. A *worker*
(`worker`, `topic_source`, `decoding`, `chunk_cache`, `statements`) runs the SQL in DuckDB with no files, no network and
bounded memory, decodes only the columns that a query touches, and asks the parent for offset ranges. They speak
`frames` over two pipes. Pure and used by both: `frames`, `lexing`, `predicates`.

What may not live here: printing, widgets, HTML. duckdb, pyarrow and aiokafka are imported by the worker only, pyarrow by
what a query's results pass through; importing this package imports none of them.
"""
