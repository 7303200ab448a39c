"""Every safeguard against a bug of the past, taken away: the laboratory must notice.

Some are noticed by storms within a few seeds. The others have a script that walks into the bug on purpose: see
`test_scripts`.
"""

import re
from pathlib import Path

import pytest

import engine
from engine.runtime import safeguards
from engine.sim.hunt import SCRIPT, STORMS, hunt, main, way_of
from engine.sim.scripts import SCRIPTS

SEEDS = range(1, 41)


def test_every_safeguard_is_noticed_in_one_way():
    assert sorted([*SCRIPTS, *STORMS]) == list(safeguards.NAMES)
    assert {way_of(name) for name in SCRIPTS} == {SCRIPT}


def test_every_safeguard_is_asked_for_in_the_engine():
    source = "".join(
        path.read_text(encoding="utf-8")
        for path in Path(engine.__file__).parent.rglob("*.py")
        if "sim" not in path.parts and path.name != "safeguards.py"
    )
    assert set(re.findall(r"\bsafeguards\.([a-z_]+)\b", source)) == set(safeguards.NAMES)


def test_a_safeguard_is_there_again_after_the_block():
    def fail():
        with safeguards.without("check_quorum"):
            assert not safeguards.check_quorum
            raise ValueError

    with pytest.raises(ValueError):
        fail()
    assert safeguards.check_quorum
    with pytest.raises(KeyError, match="no safeguard 'luck'"), safeguards.without("luck"):
        pass


def test_every_safeguard_says_what_it_is_for():
    for each in safeguards.SAFEGUARDS:
        assert getattr(safeguards, each.name) is True
        assert each.source
        for sentence in (each.text, each.otherwise):
            assert sentence[0].isupper()
            assert sentence.endswith(".")


@pytest.mark.timeout(600)  # many worlds; and one cut off in its middle would disturb the worlds of later tests
@pytest.mark.parametrize("name", sorted(STORMS))
def test_storms_notice_a_safeguard_that_is_gone(name):
    catch = hunt(name, SEEDS)
    assert catch.seed is not None, f"{len(SEEDS)} seeds of {catch.scenario} without {name} and no violation"


def test_the_command_tells_how_each_was_noticed(capsys):
    assert main(["check_quorum", "fetch_epoch_fencing"]) == 0
    told = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert told[1:] == [
        ["check_quorum", "script", "1", "stale-controller"],
        ["fetch_epoch_fencing", "swarm", "1", "wrong-epoch-served"],
    ]


def test_the_command_fails_when_one_was_not_noticed(capsys):
    assert main(["check_quorum", "--scenario", "client_pause", "--seeds", "1"]) == 1
    assert "not noticed" in capsys.readouterr().out
