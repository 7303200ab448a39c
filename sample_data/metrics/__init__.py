"""Metrics: what hosts measure of themselves. The story is in README.md."""
