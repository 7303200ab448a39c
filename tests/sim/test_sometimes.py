"""Interesting states are noticed when they are reached, and a suite that never reaches one fails."""

import pytest

from engine.sim.case import Case
from engine.sim.run import main
from engine.sim.sometimes import POINTS, Sometimes, missing


def test_a_suite_lacks_what_no_run_has_reached():
    first, *others = POINTS
    assert missing([{first: 1}, {}]) == others
    assert missing([dict.fromkeys(POINTS, 1)]) == []


def test_only_points_in_the_table_can_be_noted():
    sometimes = Sometimes()
    with pytest.raises(KeyError):
        sometimes.note("no such state")
    sometimes.note("isr-shrunk", 0)
    assert sometimes.reached == {}


def test_a_storm_of_kills_reaches_what_it_should():
    reached = Case(1, scenario="crash").run().sometimes
    assert {"unclean-restart", "leader-changed", "isr-shrunk", "isr-grew"} <= set(reached)


def test_the_suite_fails_when_a_state_was_never_reached(capsys):
    assert main(["--seeds", "4", "--level", "calm", "--sometimes", "--quiet"]) == 1
    assert "never reached: " in capsys.readouterr().out
