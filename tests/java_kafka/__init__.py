"""The command suite, against the embedded cluster and (marked `java`) against Apache Kafka itself."""
