"""The broker, the quorum and everything they stand on: a Kafka-compatible cluster with no front end."""
