"""The bounds of the HTTP API, in one place: the OpenAPI document lists them, and answers name the one that cut them."""

from __future__ import annotations

BODY_BYTES_MAX = 1024 * 1024
"""Of a request's body, where the operation says nothing else."""

PRODUCE_BODY_BYTES_MAX = 32 * 1024 * 1024
"""Of a request that produces: a record of 20 MB, in base64, with room (as `web.security.bounds`)."""

PRODUCE_RECORDS_MAX = 10_000
"""Records in one request."""

V3_BATCH_ENTRIES_MAX = 1_000
"""Entries of a records:batch (Confluent takes 10)."""

V3_IN_FLIGHT_MAX = 1_000
"""Records of one stream that wait for their acknowledgement; then no more is read from it."""

BROWSE_RECORDS_MAX = 1_000
"""Records of a page."""

CURSOR_CHARACTERS_MAX = 60_000
"""Of the place of a page: what an address has room for (`web.security.closing.HEAD_BYTES_MAX`)."""

TEXT_CHARACTERS_MAX = 4_096
"""Of a key or value in a list; the record in full has more."""

RECORD_TEXT_CHARACTERS_MAX = 1024 * 1024
"""Of a key or value of one record in full, unless `text_max` asks for another bound."""

RECORD_DECODED_BYTES_MAX = 32 * 1024 * 1024
"""Of a larger record only the beginning is decoded; `raw` gives all of it."""
RECORD_VALUE_BYTES_MAX = 1024 * 1024
"""Of keys and values whose decoded form goes along with their text."""
RECORD_BYTES_SHOWN_MAX = 64 * 1024
"""Of a key or value as base64, for a view in hexadecimal; `raw` gives all of it."""

SEARCH_RECORDS_MAX = 10_000
"""Matches of one search; the token goes on."""

TAIL_BUFFER_RECORDS_MAX = 5_000
TAIL_BUFFER_BYTES_MAX = 4 * 1024 * 1024
"""What waits for a slow reader of a tail; the oldest of what is beyond is dropped and counted."""
TAIL_AHEAD_BYTES_MAX = 4 * 1024 * 1024
"""What a tail fetches at once."""

STREAMS_MAX = 100
"""Tails, searches and exports of one cluster at a time."""

SQL_TEXT_BYTES_MAX = 64 * 1024
SQL_ROWS_MAX = 1_000_000
SQL_ROWS_DEFAULT = 500_000
"""Rows of a result that are kept."""
SQL_RESULT_BYTES_MAX = 256 * 1024 * 1024
"""Of one result, as Arrow."""
SQL_STORE_BYTES_MAX = 512 * 1024 * 1024
SQL_STORE_RESULTS_MAX = 50
SQL_STORE_AGE_MS_MAX = 30 * 60_000
"""Of all results together, and how long one is kept after it was last looked at; the oldest goes first."""
SQL_PAGE_ROWS_MAX = 5_000
"""Rows of one page of a result."""
SQL_TIME_MS_MAX = 600_000
SQL_TIME_MS_DEFAULT = 60_000

PLANS_MAX = 200
PLAN_AGE_MS_MAX = 15 * 60_000
"""Plans of changes that wait to be carried out."""

METRICS_TABLE_ROWS_MAX = 1_000_000

AUDIT_ENTRIES_MAX = 1_000

LISTED_MAX = 50_000
"""Topics, groups or partitions in one answer."""

EVENT_SECONDS_MAX = 15.0
"""A stream says at least so often that it is alive."""

ALL: dict[str, int | float] = {name.lower(): value for name, value in list(globals().items()) if name.isupper()}
"""By name, for the document."""
