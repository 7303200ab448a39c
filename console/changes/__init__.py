"""Changes to a cluster, through one door: plan, dry run, execute, verify, undo, and an audit log of all of it.

What lives here: the kinds of changes there are (`kinds`), a planner for each (`topics`, `configs`, `groups`,
`group_offsets`, `partitions`), and the door they go through (`door`). What may not: asking anybody, printing, and any
request that changes something anywhere but in a draft's `carry_out`. The requests themselves are the services'.
"""

from console.changes.door import ChangeResult, Door, Plan, Produced
from console.changes.draft import Difference

__all__ = ["ChangeResult", "Difference", "Door", "Plan", "Produced"]
