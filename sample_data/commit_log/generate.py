"""User profiles, written anew at every change; a user who leaves is a tombstone, and may come back."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from sample_data.generating import SampleRecord, main

USERS = 150
NAMES = ("Ada", "Ben", "Chen", "Dora", "Emil", "Fatima", "Goran", "Hana", "Ines", "Jonas")
CITIES = ("Berlin", "Lyon", "Utrecht", "Gdansk", "Malmo", "Porto")
PLANS = ("free", "free", "plus", "pro")


def generate(randomness: random.Random) -> Iterator[SampleRecord]:
    """Profiles keyed by user."""
    profiles: dict[str, dict[str, Any]] = {}
    while True:
        user = f"u-{randomness.randrange(1, USERS + 1):04d}"
        after_ms = randomness.randrange(1_000, 30_000)
        profile = profiles.get(user)
        if profile is None:
            name = randomness.choice(NAMES)
            profile = {"user": user, "name": name, "city": randomness.choice(CITIES), "plan": "free", "version": 0}
        elif randomness.random() < 0.06:
            del profiles[user]
            yield SampleRecord("user-profiles", user, None, {}, after_ms)
            continue
        elif randomness.random() < 0.5:
            profile = {**profile, "plan": randomness.choice(PLANS)}
        else:
            profile = {**profile, "city": randomness.choice(CITIES)}
        profiles[user] = profile = {**profile, "version": profile["version"] + 1}
        yield SampleRecord("user-profiles", user, profile, {}, after_ms)


if __name__ == "__main__":
    main(generate, "commit_log")
