"""What the command line prints: tables, JSON, CSV, progress. Knows nothing of Kafka."""
