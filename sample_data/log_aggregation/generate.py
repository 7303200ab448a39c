"""Log lines of six services; `payment` has a bad time after every few hundred lines."""

from __future__ import annotations

import random
from collections.abc import Iterator

from sample_data.generating import SampleRecord, main

SERVICES = ("frontend", "cart", "payment", "shipping", "search", "accounts")
MESSAGES = {
    "DEBUG": ("cache hit", "connection taken from the pool"),
    "INFO": ("request served", "order accepted", "session begun", "session ended"),
    "WARN": ("slow query", "retrying", "pool nearly exhausted"),
    "ERROR": ("request failed", "cannot parse the answer"),
}


def generate(randomness: random.Random) -> Iterator[SampleRecord]:
    """Lines keyed by service; a trace id in the headers joins the lines of one request."""
    number = 0
    while True:
        number += 1
        service = randomness.choice(SERVICES)
        in_trouble = service == "payment" and 200 < number % 400 < 290
        weights = (5, 25, 20, 50) if in_trouble else (20, 70, 8, 2)
        level = randomness.choices(tuple(MESSAGES), weights)[0]
        message = randomness.choice(MESSAGES[level])
        if in_trouble and level == "ERROR":
            message = "payment provider timed out"
        value = {
            "service": service,
            "instance": f"{service}-{randomness.randrange(1, 4)}",
            "level": level,
            "message": message,
            "duration_ms": int(randomness.expovariate(1 / (900 if in_trouble else 40))),
        }
        headers = {"trace-id": f"{randomness.getrandbits(48):012x}"}
        yield SampleRecord("service-logs", service, value, headers, randomness.randrange(50, 4_000))


if __name__ == "__main__":
    main(generate, "log_aggregation")
