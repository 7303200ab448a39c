"""Reading and writing records over HTTP: pages, one in full, search, tail, export, produce.

What lives here: one module per way of reading or writing, and how a record looks in an answer (`view`). What may not:
how records are fetched, filtered, decoded and sent; that is `console.records` and `console.decoding`.
"""
