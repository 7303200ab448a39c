"""The columns of a topic's table, in words: for completion, documentation and the faces. `decoding.SCHEMA` makes them (a
test holds that the two agree)."""

TOPIC_COLUMNS = (
    ("partition", "INTEGER", ""),
    ("offset", "BIGINT", ""),
    ("timestamp", "TIMESTAMP WITH TIME ZONE", "NULL when the record has none"),
    ("timestamp_type", "VARCHAR", "CreateTime or LogAppendTime"),
    ("key", "VARCHAR", "as text; NULL when there is none or it is not UTF-8"),
    ("value", "VARCHAR", "as text; NULL for tombstones or when it is not UTF-8; value->>'$.field' where it is JSON"),
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
