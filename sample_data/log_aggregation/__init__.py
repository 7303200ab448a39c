"""Log aggregation: the logs of six services. The story is in README.md."""
