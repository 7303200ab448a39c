"""Bank accounts as what happened to them: opened, deposited, withdrawn, refused, closed. No balance is ever below zero."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from sample_data.generating import SampleRecord, main

ACCOUNTS_MAX = 60
OWNERS = ("Ada", "Ben", "Chen", "Dora", "Emil", "Fatima", "Goran", "Hana")


def generate(randomness: random.Random) -> Iterator[SampleRecord]:
    """Events keyed by account, numbered within it; `amount_cents` is what changes the balance."""
    balances: dict[str, int] = {}
    numbers: dict[str, int] = {}
    opened = 0
    while True:
        amount = 0
        more: dict[str, Any] = {}
        if not balances or (len(balances) < ACCOUNTS_MAX and randomness.random() < 0.08):
            opened += 1
            account, kind = f"acc-{opened:05d}", "opened"
            balances[account] = numbers[account] = 0
            more["owner"] = randomness.choice(OWNERS)
        else:
            account = randomness.choice(tuple(balances))
            balance = balances[account]
            fate = randomness.random()
            wanted = randomness.randrange(100, 50_000)
            if fate < 0.5:
                kind, amount = "deposited", wanted
            elif fate < 0.98 or balance:
                kind, amount = ("withdrawn", -wanted) if wanted <= balance else ("withdrawal-refused", 0)
                if kind == "withdrawal-refused":
                    more["wanted_cents"] = wanted
            else:
                kind = "closed"
        numbers[account] += 1
        balances[account] += amount
        value = {"account": account, "event": kind, "number": numbers[account], "amount_cents": amount, **more}
        yield SampleRecord("account-events", account, value, {"event-type": kind}, randomness.randrange(1_000, 20_000))
        if kind == "closed":
            del balances[account], numbers[account]


if __name__ == "__main__":
    main(generate, "event_sourcing")
