"""What the wire tests share."""

CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
