"""Messaging: orders, and what could not be processed. The story is in README.md."""
