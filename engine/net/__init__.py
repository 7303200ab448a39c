"""Bytes between processes: the server's connections and dispatch, and the client connection.

What may live here: framing, ordering, bounds, back-pressure, TLS and SASL (of clients so far). What may not: what a request means
(that is `engine.handlers`) and what a broker owns (`engine.broker`).
"""
