"""Event sourcing: bank accounts as what happened to them. The story is in README.md."""
