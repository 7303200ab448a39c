"""Safeguards that storms seldom put to the test: a script walks into the bug of the past that each is there for."""

import pytest

from engine.runtime import safeguards
from engine.sim.case import kind_of
from engine.sim.scripts import SCRIPTS

NOTICED_AS = {
    "check_quorum": {"stale-controller"},
    "commit_generation_fencing": {"commit-lost"},
    "epoch_start_at_election": {"not-live"},
    "isr_needs_current_broker_epoch": {"lost-write"},
    "pending_isr_counts": {"lost-write"},
    "unclean_shutdown_leaves_elr": {"lost-write"},
}


@pytest.mark.parametrize("name", sorted(SCRIPTS))
def test_nothing_happens_with_the_safeguard_in_place(name):
    assert SCRIPTS[name]() == []


@pytest.mark.parametrize("name", sorted(SCRIPTS))
def test_the_judges_notice_when_it_is_gone(name):
    with safeguards.without(name):
        found = {kind_of(violation) for violation in SCRIPTS[name]()}
    assert NOTICED_AS[name] <= found
