"""From a change to its draft: one planner per kind."""

from __future__ import annotations

from console.changes import kinds
from console.changes.draft import Draft
from engine.net.cluster_client import ClusterClient


async def draft_change(client: ClusterClient, change: kinds.Change) -> Draft:
    """What `change` would do; nothing is changed by asking. Raises OperatorError."""
    # Imported where needed: a command that alters a config has no use for what knows groups.
    match change:
        case kinds.CreateTopic():
            from console.changes.topics import draft_create_topic

            return await draft_create_topic(client, change)
        case kinds.AlterTopic():
            from console.changes.topics import draft_alter_topic

            return await draft_alter_topic(client, change)
        case kinds.DeleteTopic():
            from console.changes.topics import draft_delete_topic

            return await draft_delete_topic(client, change)
        case kinds.AlterConfig():
            from console.changes.configs import draft_alter_config

            return await draft_alter_config(client, change)
        case kinds.ResetOffsets():
            from console.changes.group_offsets import draft_reset_offsets

            return await draft_reset_offsets(client, change)
        case kinds.SetOffsets():
            from console.changes.group_offsets import draft_set_offsets

            return await draft_set_offsets(client, change)
        case kinds.DeleteOffsets():
            from console.changes.groups import draft_delete_offsets

            return await draft_delete_offsets(client, change)
        case kinds.DeleteGroup():
            from console.changes.groups import draft_delete_group

            return await draft_delete_group(client, change)
        case kinds.DeleteRecords():
            from console.changes.partitions import draft_delete_records

            return await draft_delete_records(client, change)
        case kinds.ElectLeaders():
            from console.changes.partitions import draft_elect_leaders

            return await draft_elect_leaders(client, change)
