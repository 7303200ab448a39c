"""A client of Confluent-compatible schema registries: schemas by id or GUID, with everything they refer to.

It reads only, and only from the address it was given: redirects are not followed, nothing in a record or a schema chooses
where to ask. What schemas mean, and decoding with them, is `console.decoding`'s.
"""
