"""Articles from many sources, as untidy as they come: markup, blanks, spam, topics and languages in any spelling."""

from __future__ import annotations

import random
from collections.abc import Iterator

from sample_data.generating import SampleRecord, main
from sample_data.stream_processing.cleanse import cleanse

SOURCES = ("harbour-times", "valley-post", "north-wire")
SUBJECTS = ("The harbour", "A new bridge", "The old mill", "The winter market", "A night train", "The city council")
VERBS = ("reopens", "delights visitors", "is delayed", "costs more than planned", "wins a prize", "needs volunteers")
SENTENCES = (
    "Hundreds came on the first day.",
    "Nobody had expected this &amp; many were glad.",
    "<b>Work</b> begins in spring.",
    "The figures were   checked twice.",
    "A decision follows <i>next week</i>.",
    "Neighbours remember the last time.\n",
)
TOPICS = ("Travel", "travel ", "Culture", "culture", "Economy", "LOCAL", "local")
LANGUAGES = ("en", "EN", "en-GB", " en", "de", "DE")


def generate(randomness: random.Random) -> Iterator[SampleRecord]:
    """Articles keyed by their id."""
    number = 0
    while True:
        number += 1
        body = " ".join(randomness.choice(SENTENCES) for _ in range(randomness.randrange(2, 7)))
        fate = randomness.random()
        if fate < 0.08:
            body = "<blink>Cheap watches, BUY NOW</blink>"
        elif fate < 0.11:
            body = "<p> </p>"
        article = {
            "id": f"a-{number:05d}",
            "title": f"<h1>{randomness.choice(SUBJECTS)}  {randomness.choice(VERBS)}</h1>",
            "body": f"<p>{body}</p>",
            "language": randomness.choice(LANGUAGES),
            "topics": [randomness.choice(TOPICS) for _ in range(randomness.randrange(1, 4))],
        }
        headers = {"source": randomness.choice(SOURCES)}
        yield SampleRecord("articles", str(article["id"]), article, headers, randomness.randrange(5_000, 60_000))


def derive(record: SampleRecord) -> SampleRecord | None:
    """The cleansed article, where there is one."""
    article = cleanse(record.value)
    if article is None:
        return None
    return SampleRecord("articles-cleansed", record.key, article, record.headers, 0)


if __name__ == "__main__":
    main(generate, "stream_processing", derive)
