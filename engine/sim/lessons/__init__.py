"""Lessons: Kafka learnt by breaking it, each in about five minutes, one module each.

What lives here: what a lesson is (`lesson.py`), the lessons as data with small functions that say what was reached, and
which of them somebody has done (`progress.py`). What may not live here: faces, and anything that changes a world other
than through the classroom's actions.

    for lesson in LESSONS: ...          in the order in which they are best taken
    room = lesson.open()                a Classroom with the setup played
    lesson.reached(room)                which goals hold now; `is_solved` for all
    steps = Steps(lesson)               its tasks as they are taken in a world, one at a time, done or missed
    solve(lesson, room)                 takes every step by itself (for tests)
    lesson.as_variant()                 the same with a safeguard or a setting taken away, when `lesson.variant`
"""

from __future__ import annotations

from engine.sim.lessons import (
    acks_zero,
    at_least_once,
    at_most_once,
    compaction,
    consumer_lag,
    cooperative_groups,
    eager_groups,
    eligible_leaders,
    failover,
    full_disk,
    idempotence,
    keys_and_order,
    leader_epochs,
    lost_record,
    min_insync,
    power_loss,
    quorum,
    quorum_majority,
    rack_awareness,
    readable,
    rejoin,
    replication,
    retention,
    slow_follower,
    split_network,
    static_members,
    truncation,
    unclean_election,
    zombie_leader,
)
from engine.sim.lessons.lesson import Goal, Lesson, Prediction, Task, Variant
from engine.sim.lessons.steps import StepRefused, Steps, StepState, solve

LESSONS: tuple[Lesson, ...] = (
    lost_record.LESSON,
    keys_and_order.LESSON,
    replication.LESSON,
    failover.LESSON,
    acks_zero.LESSON,
    min_insync.LESSON,
    readable.LESSON,
    slow_follower.LESSON,
    unclean_election.LESSON,
    eligible_leaders.LESSON,
    truncation.LESSON,
    leader_epochs.LESSON,
    rejoin.LESSON,
    zombie_leader.LESSON,
    idempotence.LESSON,
    eager_groups.LESSON,
    cooperative_groups.LESSON,
    static_members.LESSON,
    consumer_lag.LESSON,
    at_least_once.LESSON,
    at_most_once.LESSON,
    retention.LESSON,
    compaction.LESSON,
    quorum.LESSON,
    quorum_majority.LESSON,
    split_network.LESSON,
    rack_awareness.LESSON,
    full_disk.LESSON,
    power_loss.LESSON,
)

_BY_ID = {lesson.id: lesson for lesson in LESSONS}


def find(lesson_id: str) -> Lesson:
    """The lesson of that id, or of that number (from 1). KeyError when there is none."""
    if lesson_id.isdecimal() and 1 <= int(lesson_id) <= len(LESSONS):
        return LESSONS[int(lesson_id) - 1]
    return _BY_ID[lesson_id]


__all__ = [
    "LESSONS",
    "Goal",
    "Lesson",
    "Prediction",
    "StepRefused",
    "StepState",
    "Steps",
    "Task",
    "Variant",
    "find",
    "solve",
]
