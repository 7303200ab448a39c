"""ListGroups (key 16), v0-5.

The groups this broker coordinates. COORDINATOR_LOAD_IN_PROGRESS while it still loads some of them.
- v1: throttle time   v3: flexible   v4: filter by state (KIP-518)   v5: filter by type (KIP-848)
- filters are not case sensitive; a state or type that does not exist matches nothing.
Not implemented: authorization; group types other than classic, of which there are none.
Kafka: GroupCoordinatorService.listGroups.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import KafkaError
from engine.handlers.registry import handles
from engine.protocol.api import ApiKey
from engine.protocol.messages import ListGroupsRequest, ListGroupsResponse

if TYPE_CHECKING:
    from engine.broker.broker import Broker
    from engine.net.context import RequestContext


@handles(ApiKey.LIST_GROUPS, versions=(0, 5), keeps_body=False)
def handle(broker: Broker, context: RequestContext, request: ListGroupsRequest) -> ListGroupsResponse:
    try:
        return ListGroupsResponse(groups=broker.groups.list_groups(request.states_filter, request.types_filter))
    except KafkaError as error:
        return ListGroupsResponse(error_code=error.code)
