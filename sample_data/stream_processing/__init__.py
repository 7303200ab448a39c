"""Stream processing: articles become cleansed articles. The story is in README.md."""
