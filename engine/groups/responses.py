"""Answers of the classic group protocol, with the fields Kafka leaves empty left empty."""

from engine.groups.classic_group import ClassicGroup
from engine.groups.member import NO_ASSIGNMENT, Member
from engine.groups.states import GroupState
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import DescribeGroupsResponse, JoinGroupResponse, ListGroupsResponse, SyncGroupResponse

NO_MEMBER_ID = ""
GROUP_TYPE = "Classic"
"""What ListGroups calls the type of these groups (Kafka: Group.GroupType.CLASSIC)."""


def join_error(code: ErrorCode, member_id: str = NO_MEMBER_ID) -> JoinGroupResponse:
    return JoinGroupResponse(error_code=code, member_id=member_id, protocol_name=None)


def join_success(
    group: ClassicGroup,
    member_id: str,
    *,
    with_members: bool,
    skip_assignment: bool = False,
    leader_id: str | None = None,
) -> JoinGroupResponse:
    """The current generation as `member_id` sees it; `leader_id` names another leader than the group's."""
    members = []
    if with_members:
        members = [
            JoinGroupResponse.JoinGroupResponseMember(
                member_id=member.member_id,
                group_instance_id=member.group_instance_id,
                metadata=member.metadata(group.protocol_name),
            )
            for member in group.members.values()
        ]
    return JoinGroupResponse(
        generation_id=group.generation_id,
        protocol_type=group.protocol_type,
        protocol_name=group.protocol_name,
        leader=(leader_id if leader_id is not None else group.leader_id) or NO_MEMBER_ID,
        skip_assignment=skip_assignment,
        member_id=member_id,
        members=members,
    )


def sync_error(code: ErrorCode) -> SyncGroupResponse:
    return SyncGroupResponse(error_code=code, assignment=NO_ASSIGNMENT)


def sync_success(group: ClassicGroup, member: Member) -> SyncGroupResponse:
    return SyncGroupResponse(
        protocol_type=group.protocol_type, protocol_name=group.protocol_name, assignment=member.assignment
    )


def described(group: ClassicGroup) -> DescribeGroupsResponse.DescribedGroup:
    """The group as DescribeGroups shows it; metadata and protocol only while it is stable."""
    stable = group.state is GroupState.STABLE
    protocol_name = group.protocol_name if stable else None
    return DescribeGroupsResponse.DescribedGroup(
        group_id=group.group_id,
        group_state=group.state.value,
        protocol_type=group.protocol_type or "",
        protocol_data=protocol_name or "",
        members=[
            DescribeGroupsResponse.DescribedGroupMember(
                member_id=member.member_id,
                group_instance_id=member.group_instance_id,
                client_id=member.client_id,
                client_host=member.client_host,
                member_metadata=b"" if protocol_name is None else member.metadata(protocol_name),
                member_assignment=member.assignment,
            )
            for member in group.members.values()
        ],
    )


def described_missing(group_id: str, version: int) -> DescribeGroupsResponse.DescribedGroup:
    """A group there is not: Dead, and from version 6 on also GROUP_ID_NOT_FOUND (KIP-1043)."""
    missing = DescribeGroupsResponse.DescribedGroup(group_id=group_id, group_state=GroupState.DEAD.value)
    if version >= 6:
        missing.error_code = ErrorCode.GROUP_ID_NOT_FOUND
        missing.error_message = f"Group {group_id} not found."
    return missing


def listed(group: ClassicGroup) -> ListGroupsResponse.ListedGroup:
    return ListGroupsResponse.ListedGroup(
        group_id=group.group_id,
        protocol_type=group.protocol_type or "",
        group_state=group.state.value,
        group_type=GROUP_TYPE,
    )


def error_after_append(code: ErrorCode) -> ErrorCode:
    """What a client is told when the records of its request could not be appended.

    (Kafka: CoordinatorOperationExceptionHelper.handleOperationException, appendGroupMetadataErrorToResponseError.)
    NOT_ENOUGH_REPLICAS_AFTER_APPEND cannot happen there; it means the same as the timeout Kafka would run into.
    """
    return _AFTER_APPEND.get(code, code)


_AFTER_APPEND = {
    ErrorCode.UNKNOWN_TOPIC_OR_PARTITION: ErrorCode.COORDINATOR_NOT_AVAILABLE,
    ErrorCode.NOT_ENOUGH_REPLICAS: ErrorCode.COORDINATOR_NOT_AVAILABLE,
    ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND: ErrorCode.COORDINATOR_NOT_AVAILABLE,
    ErrorCode.REQUEST_TIMED_OUT: ErrorCode.COORDINATOR_NOT_AVAILABLE,
    ErrorCode.NOT_LEADER_OR_FOLLOWER: ErrorCode.NOT_COORDINATOR,
    ErrorCode.KAFKA_STORAGE_ERROR: ErrorCode.NOT_COORDINATOR,
    ErrorCode.MESSAGE_TOO_LARGE: ErrorCode.UNKNOWN_SERVER_ERROR,
    ErrorCode.RECORD_LIST_TOO_LARGE: ErrorCode.UNKNOWN_SERVER_ERROR,
    ErrorCode.INVALID_FETCH_SIZE: ErrorCode.UNKNOWN_SERVER_ERROR,
}
