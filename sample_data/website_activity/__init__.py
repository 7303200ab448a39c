"""Website activity tracking: page views and searches. The story is in README.md."""
