"""What we may do with topics (KIP-430), where the cluster is asked for it."""

from __future__ import annotations

from collections.abc import Sequence

from console.services.acls import AclOperation
from engine.net.cluster_client import ClusterClient, Versioned
from engine.protocol.messages import MetadataRequest, MetadataResponse


async def authorized_operations(client: ClusterClient, topics: Sequence[str]) -> dict[str, list[str]]:
    """By topic; everything where the cluster has no authorizer."""
    wanted = [MetadataRequest.MetadataRequestTopic(name=name) for name in topics]

    def build(version: int) -> MetadataRequest:
        return MetadataRequest(topics=wanted, allow_auto_topic_creation=False, include_topic_authorized_operations=True)

    # v8 is the first that can ask for it.
    response: MetadataResponse = await client.request_to_any(Versioned(MetadataRequest, build, floor=8))
    return {topic.name or "": _names(topic.topic_authorized_operations) for topic in response.topics}


def _names(bits: int) -> list[str]:
    """Bit n is the operation with number n. A negative number stands for "not told"."""
    return [each.name for each in AclOperation if bits > 0 and bits >> each & 1]
