"""Planning to delete groups, and what they have committed."""

from __future__ import annotations

from console.changes.draft import Difference, Draft, Facts
from console.changes.group_offsets import observe_offsets, offsets_now
from console.changes.kinds import Change, DeleteGroup, DeleteOffsets, SetOffsets
from console.changes.scopes import scope_words
from console.errors import OperatorError
from console.output.text import plural
from console.services.group_changes import delete_group, delete_offsets, group_standing, non_empty_group
from engine.net.cluster_client import ClusterClient
from engine.protocol.errors import ErrorCode


async def draft_delete_offsets(client: ClusterClient, change: DeleteOffsets) -> Draft:
    standing = await group_standing(client, change.group_id)
    if not standing.exists:
        raise _no_such_group(change.group_id)
    wanted = {each.topic: set(each.partitions) for each in change.scope}
    for each in change.scope:
        if not each.partitions:
            wanted[each.topic] = set()
        elif wanted[each.topic]:
            wanted[each.topic] |= set(each.partitions)
    doomed = sorted(
        partition
        for partition in standing.committed
        if partition.topic in wanted and (not wanted[partition.topic] or partition.partition in wanted[partition.topic])
    )
    read = {partition.topic for member in standing.members for partition in member.assignment} & set(wanted)

    async def carry_out() -> Change | None:
        await delete_offsets(client, change.group_id, doomed)
        return None

    return Draft(
        change=change,
        subject=f"group {change.group_id}",
        difference=tuple(
            Difference("-", str(partition), str(standing.committed[partition].offset), "nothing")
            for partition in doomed
        ),
        commands=(("stoker", "groups", "delete-offsets", change.group_id, *scope_words(change.scope)),),
        carry_out=carry_out,
        observe=lambda: observe_offsets(client, change.group_id, doomed),
        before={str(partition): standing.committed[partition].offset for partition in doomed},
        after={str(partition): None for partition in doomed},
        risks=("Its consumers will begin these partitions by their auto.offset.reset.",) if doomed else (),
        undo=SetOffsets(change.group_id, offsets_now(standing, doomed)),
        blocked=non_empty_group(standing, f"offsets of {', '.join(sorted(read))} can be deleted") if read else None,
    )


async def draft_delete_group(client: ClusterClient, change: DeleteGroup) -> Draft:
    group_id = change.group_id
    standing = await group_standing(client, group_id)
    if not standing.exists:
        raise _no_such_group(group_id)
    kept = sorted(standing.committed)
    holds = f"{standing.type} group, {standing.state}, {plural(len(kept), 'committed offset')}"

    async def carry_out() -> Change | None:
        await delete_group(client, group_id)
        return None

    async def observe() -> Facts:
        now = await group_standing(client, group_id)
        return {"exists": now.exists, **{str(each): offset.offset for each, offset in sorted(now.committed.items())}}

    return Draft(
        change=change,
        subject=f"group {group_id}",
        difference=(Difference("-", f"group {group_id}", note=holds),),
        commands=(("stoker", "groups", "delete", group_id),),
        carry_out=carry_out,
        observe=observe,
        before={"exists": True, **{str(each): standing.committed[each].offset for each in kept}},
        after={"exists": False},
        destroys=group_id,
        loss=f"This deletes group {group_id}: {plural(len(kept), 'committed offset')}",
        outcome=f"Deleted group {group_id}",
        undo=SetOffsets(group_id, offsets_now(standing, kept)) if kept else None,
        undo_note="an undo brings back its offsets, and nothing else of it"
        if kept
        else "it has no offsets to bring back",
        blocked=non_empty_group(standing, "it can be deleted") if standing.is_active else None,
    )


def _no_such_group(group_id: str) -> OperatorError:
    return OperatorError.refused(
        f"group {group_id}",
        ErrorCode.GROUP_ID_NOT_FOUND,
        "there is no such group",
        "`stoker groups list` shows the groups there are.",
    )
