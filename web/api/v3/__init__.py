"""`/v3`: the paths and shapes of Confluent's REST Proxy v3 (confluentinc/kafka-rest, api/v3/openapi.yaml).

What lives here: one module per noun, `shapes` with what is answered, `links` with how resources name each other. What may
not: anything that Confluent's API does not have; that is `/api`'s. Deviations: lists are whole (`next` is null), as there;
`synonyms` of a property has the value in force only; a member may be asked for what it was assigned, not for its own lag.
"""
