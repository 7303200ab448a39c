"""The table of bugs of the past: each has its answer, and each safeguard its bug."""

from engine.runtime import safeguards
from engine.sim.past import BUGS, KAFKA


def test_every_bug_has_safeguards_or_a_reason_why_it_cannot_happen():
    for bug in BUGS:
        assert bool(bug.safeguards) != bool(bug.reason), bug.name
        for sentence in filter(None, (bug.text, bug.reason)):
            assert sentence[0].isupper(), bug.name
            assert sentence.endswith((".", ")")), bug.name


def test_every_safeguard_stands_against_a_bug():
    named = [name for bug in BUGS for name in bug.safeguards]
    assert sorted(set(named)) == list(safeguards.NAMES)


def test_no_bug_is_listed_twice():
    assert len({bug.name for bug in BUGS}) == len(BUGS)
    assert len(KAFKA) >= 32
