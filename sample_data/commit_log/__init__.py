"""Commit log: user profiles, compacted to the newest of each. The story is in README.md."""
