"""The columns of a topic's table, in words: for completion, documentation and the faces. `decoding.SCHEMA` makes them (a
test holds that the two agree)."""

TOPIC_COLUMNS = (
    ("partition", "INTEGER", ""),
    ("offset", "BIGINT", ""),
    ("timestamp", "TIMESTAMP WITH TIME ZONE", "NULL when the record has none"),
    ("timestamp_type", "VARCHAR", "CreateTime or LogAppendTime"),
    ("key", "VARCHAR", "as text, or as decoded (--decode); NULL when there is none or it cannot be decoded"),
    (
        "value",
        "VARCHAR",
        "as text, or as decoded (--decode, schema registry): structures as JSON, value->>'$.field'; NULL for tombstones",
    ),
    ("headers", 'STRUCT("name" VARCHAR, "value" BLOB)[]', ""),
    ("key_size", "INTEGER", "bytes"),
    ("value_size", "INTEGER", "bytes"),
    ("leader_epoch", "INTEGER", ""),
    ("producer_id", "BIGINT", "of idempotent and transactional producers"),
    ("producer_epoch", "SMALLINT", ""),
    ("sequence", "INTEGER", ""),
    ("is_transactional", "BOOLEAN", ""),
    ("key_bytes", "BLOB", ""),
    ("value_bytes", "BLOB", ""),
    ("decode_error", "VARCHAR", "what could not be decoded, and why"),
)
