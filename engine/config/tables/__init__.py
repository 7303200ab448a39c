"""The rows of the table of configs, by subject. Facts from Apache Kafka 4.3's own ConfigDef, words ours.

What may live here: rows, nothing else. `engine.config.topic_configs`, `broker_configs` and `group_configs` put them together.
"""
