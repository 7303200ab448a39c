"""Visitors of a website: what they open, and what they search for."""

from __future__ import annotations

import random
from collections.abc import Iterator

from sample_data.generating import SampleRecord, main

PAGES = ("/", "/products", "/products/kettle", "/products/lamp", "/cart", "/checkout", "/help", "/blog")
PAGE_WEIGHTS = (30, 22, 12, 10, 9, 5, 4, 8)
REFERRERS = ("", "", "", "search-engine", "newsletter", "social")
BROWSERS = ("Firefox", "Chrome", "Safari")
TERMS = {"kettle": 14, "desk lamp": 9, "warm mug": 6, "backpack": 11, "usb headphones": 3, "gift card": 0}


def generate(randomness: random.Random) -> Iterator[SampleRecord]:
    """Page views and searches keyed by visitor, so that a visitor's events stay in order."""
    while True:
        visitor = f"v-{min(int(randomness.expovariate(1 / 60)), 399):03d}"
        after_ms = randomness.randrange(100, 6_000)
        if randomness.random() < 0.18:
            term = randomness.choice(tuple(TERMS))
            search = {"visitor": visitor, "term": term, "results": TERMS[term]}
            yield SampleRecord("searches", visitor, search, {}, after_ms)
            continue
        page = randomness.choices(PAGES, PAGE_WEIGHTS)[0]
        view = {
            "visitor": visitor,
            "page": page,
            "referrer": randomness.choice(REFERRERS),
            "browser": randomness.choice(BROWSERS),
            "load_ms": int(60 + randomness.expovariate(1 / (600 if page == "/checkout" else 180))),
        }
        yield SampleRecord("page-views", visitor, view, {}, after_ms)


if __name__ == "__main__":
    main(generate, "website_activity")
