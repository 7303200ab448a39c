"""One module per noun: topics, partitions, groups, configs, brokers, quorum, cluster.

Each holds async functions that take a `ClusterClient` and return frozen dataclasses. They print nothing and ask nobody.
A broker that cannot be reached makes a part of the answer missing and named (`Missing`), never the whole answer fail.
Every failure is an `OperatorError`.
"""
