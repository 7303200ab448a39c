"""Orders of a small shop; one in thirty cannot be processed and lies in the dead-letter topic with the reason."""

from __future__ import annotations

import random
from collections.abc import Iterator

from sample_data.generating import SampleRecord, main

PRODUCTS = {"kettle": 3490, "lamp": 5900, "notebook": 450, "headphones": 12900, "backpack": 7900, "mug": 1250}
COUNTRIES = ("DE", "FR", "NL", "PL", "SE", "US")
PROBLEMS = ("UnknownProduct", "NegativeQuantity", "AddressMissing")


def generate(randomness: random.Random) -> Iterator[SampleRecord]:
    """Orders keyed by customer; a broken one is followed by its copy in the dead-letter topic."""
    number = 0
    while True:
        number += 1
        product = randomness.choice(tuple(PRODUCTS))
        quantity = randomness.choice((1, 1, 1, 2, 2, 3, 5))
        order = {
            "order_id": f"o-{number:06d}",
            "customer": f"c-{randomness.randrange(1, 121):03d}",
            "product": product,
            "quantity": quantity,
            "amount_cents": quantity * PRODUCTS[product],
            "country": randomness.choice(COUNTRIES),
            "status": randomness.choices(("paid", "open", "cancelled"), (80, 15, 5))[0],
        }
        problem = randomness.choice(PROBLEMS) if randomness.random() < 1 / 30 else None
        if problem == "UnknownProduct":
            order["product"] = "???"
        elif problem == "NegativeQuantity":
            order["quantity"] = -quantity
        elif problem == "AddressMissing":
            order["country"] = ""
        key = str(order["customer"])
        yield SampleRecord("orders", key, order, {"source": "shop"}, randomness.randrange(500, 12_000))
        if problem is not None:
            headers = {"error": problem, "original-topic": "orders", "attempts": str(randomness.randrange(3, 6))}
            yield SampleRecord("orders-dead-letter", key, order, headers, randomness.randrange(200, 500))


if __name__ == "__main__":
    main(generate, "messaging")
