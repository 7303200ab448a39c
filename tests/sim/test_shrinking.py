"""Cases as values: written down, read back, shrunk to what matters, and written as a test that runs."""

import os
import subprocess
import sys
from dataclasses import replace

from engine.sim.case import Case
from engine.sim.nemesis import PlannedFault
from engine.sim.shrink import Shrunk, as_test, shrink
from engine.sim.world import Shape

SHAPE = Shape(
    partitions=3, producers=2, storm_s=20.0, groups=("range", "sticky"), plain_producers=1, sends_per_second=20.0
)
PLAN = tuple(
    PlannedFault(float(number), kind, number)
    for number, kind in enumerate(["stop", "kill", "pause", "delay", "kill", "clog"])
)


def test_a_case_reads_back_what_it_writes():
    for case in (
        Case(7),
        Case(7, "calm", "kill", "check_quorum", aiokafka=True),
        Case(7, plan=PLAN, shape=replace(SHAPE, properties={"replica.lag.time.max.ms": "1500"})),
        Case(7, plan=()),
    ):
        assert Case.from_json(case.to_json()) == case


def test_a_pinned_case_runs_as_the_seed_does():
    case = Case(11)
    assert case.pinned().plan
    # In a process of their own: threads that other tests left in this one are not the seed's.
    script = "from engine.sim.case import Case; case = Case(11); print(case.pinned().run().trace_hash, case.run().trace_hash)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    answer = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, check=True, text=True)
    pinned, drawn = answer.stdout.split()
    assert pinned == drawn


def test_the_first_event_in_which_two_runs_differ_is_named():
    assert Case(3, "calm").divergence() is None


class Pretend:
    """A run that fails when the plan has a kill after a clog, and there are two producers or more."""

    def __init__(self):
        self.runs = 0
        self.real = Case(1, "calm", plan=(), shape=replace(SHAPE, storm_s=1.0, groups=(), plain_producers=0)).run()

    def __call__(self, case):
        self.runs += 1
        kinds = [planned.kind for planned in case.plan]
        bad = "kill" in kinds and "clog" in kinds and case.shape.producers >= 2
        return replace(self.real, violations=["lost-write: gone"] if bad else [])


def test_a_case_is_shrunk_to_the_faults_and_the_load_that_matter():
    run = Pretend()
    shrunk = shrink(Case(1, plan=PLAN, shape=SHAPE), run=run)
    assert shrunk is not None
    assert shrunk.kind == "lost-write"
    assert sorted(planned.kind for planned in shrunk.case.plan) == ["clog", "kill"]
    assert shrunk.case.shape.producers == 2
    assert shrunk.case.shape.partitions == 1
    assert shrunk.case.shape.groups == ()
    assert run.runs <= 62


def test_another_violation_does_not_count():
    run = Pretend()

    def unlike(case):
        result = run(case)
        return replace(result, violations=["other: thing"]) if len(case.plan) < len(PLAN) else result

    shrunk = shrink(Case(1, plan=PLAN, shape=SHAPE), run=unlike)
    assert shrunk is not None
    assert shrunk.case.plan == PLAN


def test_tries_are_bounded_and_a_good_case_is_not_shrunk():
    run = Pretend()
    assert shrink(Case(1, plan=PLAN, shape=SHAPE), run=run, tries_max=3).tries == 3
    assert shrink(Case(1, plan=PLAN[:1], shape=SHAPE), run=run) is None


def test_a_real_failure_shrinks_and_its_test_fails_until_the_safeguard_is_back(tmp_path):
    plan = tuple(PlannedFault(1.0 + number, "duplicate_requests", number) for number in range(3))
    shape = replace(SHAPE, storm_s=6.0, groups=(), plain_producers=0)
    case = Case(2, without="sequence_deduplication", plan=plan, shape=shape)
    shrunk = shrink(case, tries_max=12)
    assert shrunk is not None
    assert len(shrunk.case.plan) < len(plan)
    assert shrunk.result.sends < 400
    path = tmp_path / "test_found.py"

    def outcome(found):
        path.write_text(as_test(found))
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(path)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    failing = outcome(shrunk)
    assert failing.returncode == 1, failing.stdout
    assert shrunk.kind in failing.stdout
    mended = Shrunk(replace(shrunk.case, without=None), shrunk.result, shrunk.kind, shrunk.tries)
    assert outcome(mended).returncode == 0
