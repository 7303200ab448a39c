"""The Kafka wire: messages, headers, error codes, record batches and the records Kafka keeps about itself.

What lives here: the schema text of every API key of Apache Kafka 4.3 (`schemas/`), the compiler that turns it into flat
encode and decode functions, and the record batch format v2. Pure functions of bytes: no socket, no file but our own
schema text, no clock, no randomness.

What may not: anything that knows a broker, a client or a log. Nothing outside this package may be imported.
"""
