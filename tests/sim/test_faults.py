"""Every kind of fault can be asked for by name; a cluster that has nothing but that one, again and again, keeps its word."""

from dataclasses import replace

import pytest

from engine.sim.case import Case
from engine.sim.faults import GROUPS, KINDS
from engine.sim.nemesis import Level, PlannedFault, draw_plan
from engine.sim.randomness import SimRandomness
from engine.sim.scenarios import SCENARIOS, faults_of, names
from engine.sim.world import Shape

SHAPE = Shape(
    partitions=2,
    storm_s=7.0,
    producers=1,
    plain_producers=1,
    groups=("cooperative-sticky",),
    members=2,
    properties={"replica.lag.time.max.ms": "1500", "broker.session.timeout.ms": "2000"},
)


def test_the_catalogue_has_every_kind_of_the_design():
    assert len(KINDS) >= 34
    assert {kind.group for kind in KINDS.values()} == set(GROUPS)


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_storm_of_nothing_else_breaks_no_promise(kind):
    plan = tuple(PlannedFault(0.5 + 2.5 * number, kind, number) for number in range(3))
    result = Case(1, plan=plan, shape=replace(SHAPE, **KINDS[kind].needs)).run()
    assert not result.violations, result.violations[:3]
    assert result.faults.get(kind, 0) >= 1
    assert result.acknowledged > 0


def test_plans_are_drawn_from_the_seed():
    def draw(seed, level=Level.STORMY, only=()):
        return draw_plan(SimRandomness(seed).stream("nemesis"), level, 30.0, only)

    assert draw(1) == draw(1) != draw(2)
    assert {planned.kind for planned in draw(3, only=("kill", "stop"))} <= {"kill", "stop"}
    assert {planned.kind for planned in draw(1, Level.CALM)} <= {"stop"}
    some, all_kinds = set(), set()
    for seed in range(40):
        some.add(frozenset(planned.kind for planned in draw(seed)))
        all_kinds |= {planned.kind for planned in draw(seed, Level.RADIOACTIVE)}
    assert len(some) > 30  # swarm testing: hardly two seeds have the same kinds
    assert all_kinds == set(KINDS)
    with pytest.raises(KeyError):
        draw(1, only=("no such fault",))


def test_a_fault_that_is_left_out_changes_no_other():
    """What a fault draws depends on its own number only, so that a plan can be shrunk."""
    plan = (PlannedFault(1.0, "kill", 0), PlannedFault(3.0, "clock_jump", 1))
    both = Case(5, plan=plan, shape=SHAPE).timeline()[1]
    one = Case(5, plan=plan[1:], shape=SHAPE).timeline()[1]

    def jump(lines):
        return next(line.partition(" ")[2] for line in lines if " fault clock_jump" in line)

    assert jump(both) == jump(one)


def test_scenarios_name_faults_that_exist():
    for name in names():
        assert set(faults_of(name)) <= set(KINDS)
    assert faults_of("swarm") == ()
    assert faults_of("kill") == ("kill",)
    assert set(SCENARIOS) >= {"partition", "crash", "power", "network", "clock", "disk", "cluster", "clients"}
