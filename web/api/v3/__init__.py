"""`/v3`: the paths and shapes of Confluent's REST Proxy v3 (confluentinc/kafka-rest, api/v3/openapi.yaml and its code).

What lives here: one module per noun, `shapes` with what is answered, `links` with how resources name each other, `errors`
with Confluent's statuses and codes. What may not: anything that Confluent's API does not have; that is `/api`'s.

Deviations, all of them on purpose:
- parts of a list that no broker answered are named in the header X-Missing; there they are left out in silence, or all fails
- what only the request can mend is 400, also where Kafka's error is none that Confluent knows (500 there)
- the cluster id in the path is checked; an address that a partition's reassignment gives itself exists
- schemas of a registry are not taken for keys and values (400), and ACLs are read but not changed (501)
"""
