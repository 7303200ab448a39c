"""Ten hosts that measure themselves in turn; one of them is running out of disk."""

from __future__ import annotations

import random
from collections.abc import Iterator

from sample_data.generating import SampleRecord, main

HOSTS = (
    tuple(f"web-{number}" for number in range(1, 6))
    + tuple(f"db-{number}" for number in range(1, 4))
    + ("cache-1", "queue-1")
)
FILLING_UP = "db-2"


def generate(randomness: random.Random) -> Iterator[SampleRecord]:
    """Measurements keyed by host, each host in turn."""
    processor = {host: randomness.uniform(10, 60) for host in HOSTS}
    disk = {host: randomness.uniform(20, 55) for host in HOSTS}
    while True:
        for host in HOSTS:
            processor[host] = min(99.0, max(1.0, processor[host] + randomness.uniform(-6, 6)))
            growth = 0.35 if host == FILLING_UP else 0.002
            disk[host] = 40.0 if disk[host] > 97 else disk[host] + randomness.uniform(0, growth)
            value = {
                "host": host,
                "cpu_percent": round(processor[host], 1),
                "memory_percent": round(35 + processor[host] / 3 + randomness.uniform(-2, 2), 1),
                "disk_percent": round(disk[host], 2),
                "requests_per_second": int(processor[host] * 8) if host.startswith("web") else 0,
            }
            yield SampleRecord("host-metrics", host, value, {"unit-version": "1"}, 1_500)


if __name__ == "__main__":
    main(generate, "metrics")
