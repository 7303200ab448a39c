"""Every figure with its past, without Prometheus.

What lives here: one pass over a cluster (`snapshot`), the sampler that makes one every few seconds (`sampler`), the
DuckDB file that keeps them, thinned with age (`store`, `thinning`), questions about the past (`queries`) and the table
for SQL (`tables`). What may not: anything that decides how it looks. DuckDB is imported where a file is opened.
"""
