"""What the bytes of keys and values say: one decoder per format, the choice among them, and a bounded text for people.

Bytes in, `Decoded` out: nothing here reads topics, opens a connection (that is `console.schema_registry`) or prints. A
record that cannot be decoded is never an exception and never gone: it is its bytes, with the reason beside them.
"""
