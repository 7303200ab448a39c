"""Sensors: vehicles and where they are. The story is in README.md."""
