"""Actions on the cluster as an administrator has them, and on the safeguards of its engine."""

from __future__ import annotations

from typing import Any

from engine.protocol.messages import (
    CreateTopicsRequest,
    DeleteTopicsRequest,
    ElectLeadersRequest,
    IncrementalAlterConfigsRequest,
)
from engine.runtime import safeguards
from engine.sim.classroom import actions as do
from engine.sim.classroom.acting.base import ActingBase, Refused

_TOPIC_RESOURCE = 2
_SET, _DELETE = 0, 1


class OnTheCluster(ActingBase):
    """See the package."""

    def _create_topic(self, action: do.CreateTopic) -> str:
        self._ask(
            topic_request(action, len(self._world.nodes)),
            f"Create topic {action.topic}",
            lambda answer: [(each.error_code, each.error_message) for each in answer.topics],
        )
        return f"Topic {action.topic} was asked for."

    def _delete_topic(self, action: do.DeleteTopic) -> str:
        request = DeleteTopicsRequest(
            topics=[DeleteTopicsRequest.DeleteTopicState(name=action.topic)], topic_names=[action.topic]
        )
        self._ask(
            request,
            f"Delete topic {action.topic}",
            lambda answer: [(each.error_code, each.error_message) for each in answer.responses],
        )
        return f"Topic {action.topic} was asked to be deleted."

    def _set_config(self, action: do.SetConfig) -> str:
        request = IncrementalAlterConfigsRequest(
            resources=[
                IncrementalAlterConfigsRequest.AlterConfigsResource(
                    resource_type=_TOPIC_RESOURCE,
                    resource_name=action.topic,
                    configs=[
                        IncrementalAlterConfigsRequest.AlterableConfig(
                            name=action.name,
                            config_operation=_DELETE if action.value is None else _SET,
                            value=action.value,
                        )
                    ],
                )
            ],
            validate_only=False,
        )
        what = f"{action.topic}: {action.name}={'(default)' if action.value is None else action.value}"
        self._ask(request, what, lambda answer: [(each.error_code, each.error_message) for each in answer.responses])
        return f"{what} was asked for."

    def _elect(self, action: do.Elect) -> str:
        kind = "unclean" if action.unclean else "preferred"
        request = ElectLeadersRequest(
            election_type=int(action.unclean),
            topic_partitions=[ElectLeadersRequest.TopicPartitions(topic=action.topic, partitions=[action.partition])],
            timeout_ms=3_000,
        )

        def codes(answer: Any) -> list[tuple[int, str | None]]:
            found: list[tuple[int, str | None]] = [(answer.error_code, None)]
            for topic in answer.replica_election_results:
                found.extend((each.error_code, each.error_message) for each in topic.partition_result)
            return found

        self._ask(request, f"Elect a leader ({kind}) for {action.topic}-{action.partition}", codes)
        return f"A {kind} election was asked for {action.topic}-{action.partition}."

    def _take_away(self, action: do.TakeAway) -> str:
        safeguard = safeguards.BY_NAME.get(action.safeguard)
        if safeguard is None:
            raise Refused(f"there is no safeguard {action.safeguard}; `stoker sim safeguards` lists them")
        self._room.without = tuple(sorted({*self._room.without, action.safeguard}))
        return f"The safeguard {safeguard.name} ({safeguard.source}) was taken away. {safeguard.otherwise}"

    def _give_back(self, action: do.GiveBack) -> str:
        self._room.without = tuple(name for name in self._room.without if name != action.safeguard)
        return f"The safeguard {action.safeguard} is there again."


def topic_request(action: do.CreateTopic, nodes: int) -> CreateTopicsRequest:
    """The request that makes that topic."""
    topic = CreateTopicsRequest.CreatableTopic(
        name=action.topic,
        num_partitions=-1 if action.replicas else action.partitions,
        replication_factor=-1 if action.replicas else min(action.replication, nodes),
        assignments=[
            CreateTopicsRequest.CreatableReplicaAssignment(partition_index=index, broker_ids=list(replicas))
            for index, replicas in enumerate(action.replicas)
        ],
        configs=[
            CreateTopicsRequest.CreatableTopicConfig(name=name, value=value) for name, value in action.configs.items()
        ],
    )
    return CreateTopicsRequest(topics=[topic], timeout_ms=10_000)
