"""What is done to topics, from the list of them and from one."""

from __future__ import annotations

import shlex

from console.changes.kinds import (
    AlterTopic,
    DeleteRecords,
    DeleteTopic,
    OffsetTarget,
    PartitionScope,
    TargetKind,
)
from console.services.configs import Resource, ResourceType
from tui.views.base import View
from tui.views.words import pairs, whole_number
from tui.widgets.form import Field, FormDialog


class TopicActions(View):
    """Keys of a view that has topics to act on."""

    def topics_meant(self) -> list[str]:
        """Those that are acted on, the one under the cursor first."""
        raise NotImplementedError

    def action_describe(self) -> None:
        for name in self.topics_meant()[:1]:
            self.stoker.enter("topic", name)

    def action_configs(self) -> None:
        for name in self.topics_meant()[:1]:
            self.stoker.enter("configs", f"topic {name}")

    def action_records(self) -> None:
        for name in self.topics_meant()[:1]:
            self.stoker.enter("records", name)

    def action_produce(self) -> None:
        for name in self.topics_meant()[:1]:
            self.stoker.enter("produce", shlex.quote(name))

    def action_tail(self) -> None:
        if names := self.topics_meant():
            self.stoker.enter("tail", ",".join(names))

    def action_delete(self) -> None:
        self.stoker.change([DeleteTopic(name) for name in self.topics_meant()])

    def action_empty(self) -> None:
        end = OffsetTarget(TargetKind.LATEST)
        self.stoker.change([DeleteRecords(PartitionScope(name), end) for name in self.topics_meant()])

    def action_edit(self) -> None:
        for name in self.topics_meant()[:1]:
            worker = self.run_worker(self._edit(name), group="edit", exclusive=True)
            self.stoker.opens(worker, can_be_called_off=True)

    async def _edit(self, name: str) -> None:
        config = await self.source.config(Resource(ResourceType.TOPIC, name))
        snapshot = self.source.snapshot
        count = 0 if snapshot is None else sum(each.topic == name for each in snapshot.partitions)
        own = {each: value or "" for each, value in config.overrides().items()}
        values = await self.stoker.push_screen_wait(FormDialog(f"Alter topic {name}", alter_topic_fields(count, own)))
        if values is None:
            return
        wanted: dict[str, str] = values["configs"]
        changes: dict[str, str | None] = {each: value for each, value in wanted.items() if own.get(each) != value}
        changes |= dict.fromkeys(each for each in own if each not in wanted)
        partitions = values["partitions"] if values["partitions"] != count else None
        if partitions is None and not changes:
            self.stoker.say("Nothing was changed.")
            return
        self.stoker.change([AlterTopic(name, partitions, changes)])


def alter_topic_fields(partitions: int, own: dict[str, str]) -> list[Field]:
    """What can be altered, as it is now."""
    shown = " ".join(f"{name}={shlex.quote(value)}" for name, value in own.items())
    return [
        Field("partitions", "Partitions", str(partitions), "They can become more, never less", whole_number(1, 1_000_000), replaced=True),
        Field("configs", "Configuration", shown, "What is set on the topic itself; take a pair away to unset it", pairs),
    ]  # fmt: skip
