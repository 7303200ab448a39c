"""Answers that say no to a whole request, for APIs whose responses have errors only per item.

(Kafka: AbstractRequest.getErrorResponse of the requests that controllers answer.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine.errors import KafkaError
from engine.protocol.errors import ErrorCode
from engine.protocol.message import Message
from engine.protocol.messages import (
    AllocateProducerIdsRequest,
    AllocateProducerIdsResponse,
    AlterConfigsRequest,
    AlterConfigsResponse,
    AlterPartitionRequest,
    AlterPartitionResponse,
    AssignReplicasToDirsRequest,
    AssignReplicasToDirsResponse,
    BrokerHeartbeatRequest,
    BrokerHeartbeatResponse,
    BrokerRegistrationRequest,
    BrokerRegistrationResponse,
    ControllerRegistrationRequest,
    ControllerRegistrationResponse,
    CreatePartitionsRequest,
    CreatePartitionsResponse,
    CreateTopicsRequest,
    CreateTopicsResponse,
    DeleteTopicsRequest,
    DeleteTopicsResponse,
    DescribeQuorumRequest,
    DescribeQuorumResponse,
    ElectLeadersRequest,
    ElectLeadersResponse,
    IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse,
    UnregisterBrokerRequest,
    UnregisterBrokerResponse,
    UpdateFeaturesRequest,
    UpdateFeaturesResponse,
)


def error_response(request: Message, error: KafkaError) -> Any:
    """The response to `request` that carries `error` for all of it."""
    return _RESPONSES[type(request)](request, error.code, error.message)


def is_not_controller(response: Message) -> bool:
    """Whether the node that answered is not the active controller, so that the request belongs elsewhere.

    Where errors are per item, all of them say so.
    """
    code = getattr(response, "error_code", None)
    if code is not None and code != ErrorCode.NONE:
        return bool(code == ErrorCode.NOT_CONTROLLER)
    for name in ("topics", "responses", "results"):
        items = getattr(response, name, None)
        if items and all(getattr(item, "error_code", 0) == ErrorCode.NOT_CONTROLLER for item in items):
            return True
    return False


def _create_topics(request: CreateTopicsRequest, code: ErrorCode, message: str) -> CreateTopicsResponse:
    return CreateTopicsResponse(
        topics=[
            CreateTopicsResponse.CreatableTopicResult(name=topic.name, error_code=code, error_message=message)
            for topic in request.topics
        ]
    )


def _delete_topics(request: DeleteTopicsRequest, code: ErrorCode, message: str) -> DeleteTopicsResponse:
    result = DeleteTopicsResponse.DeletableTopicResult
    responses = [result(name=name, error_code=code, error_message=message) for name in request.topic_names]
    responses += [
        result(name=topic.name, topic_id=topic.topic_id, error_code=code, error_message=message)
        for topic in request.topics
    ]
    return DeleteTopicsResponse(responses=responses)


def _create_partitions(request: CreatePartitionsRequest, code: ErrorCode, message: str) -> CreatePartitionsResponse:
    return CreatePartitionsResponse(
        results=[
            CreatePartitionsResponse.CreatePartitionsTopicResult(
                name=topic.name, error_code=code, error_message=message
            )
            for topic in request.topics
        ]
    )


def _alter_configs(request: AlterConfigsRequest, code: ErrorCode, message: str) -> AlterConfigsResponse:
    return AlterConfigsResponse(
        responses=[
            AlterConfigsResponse.AlterConfigsResourceResponse(
                error_code=code,
                error_message=message,
                resource_type=resource.resource_type,
                resource_name=resource.resource_name,
            )
            for resource in request.resources
        ]
    )


def _incremental_alter_configs(
    request: IncrementalAlterConfigsRequest, code: ErrorCode, message: str
) -> IncrementalAlterConfigsResponse:
    return IncrementalAlterConfigsResponse(
        responses=[
            IncrementalAlterConfigsResponse.AlterConfigsResourceResponse(
                error_code=code,
                error_message=message,
                resource_type=resource.resource_type,
                resource_name=resource.resource_name,
            )
            for resource in request.resources
        ]
    )


def _elect_leaders(request: ElectLeadersRequest, code: ErrorCode, message: str) -> ElectLeadersResponse:
    return ElectLeadersResponse(
        error_code=code,
        replica_election_results=[
            ElectLeadersResponse.ReplicaElectionResult(
                topic=topic.topic,
                partition_result=[
                    ElectLeadersResponse.PartitionResult(partition_id=index, error_code=code, error_message=message)
                    for index in topic.partitions
                ],
            )
            for topic in request.topic_partitions or []
        ],
    )


_RESPONSES: dict[type[Message], Callable[[Any, ErrorCode, str], Message]] = {
    CreateTopicsRequest: _create_topics,
    DeleteTopicsRequest: _delete_topics,
    CreatePartitionsRequest: _create_partitions,
    AlterConfigsRequest: _alter_configs,
    IncrementalAlterConfigsRequest: _incremental_alter_configs,
    ElectLeadersRequest: _elect_leaders,
    AlterPartitionRequest: lambda _, code, __: AlterPartitionResponse(error_code=code),
    AssignReplicasToDirsRequest: lambda _, code, __: AssignReplicasToDirsResponse(error_code=code),
    UpdateFeaturesRequest: lambda _, code, message: UpdateFeaturesResponse(error_code=code, error_message=message),
    BrokerRegistrationRequest: lambda _, code, __: BrokerRegistrationResponse(error_code=code),
    BrokerHeartbeatRequest: lambda _, code, __: BrokerHeartbeatResponse(error_code=code),
    UnregisterBrokerRequest: lambda _, code, message: UnregisterBrokerResponse(error_code=code, error_message=message),
    AllocateProducerIdsRequest: lambda _, code, __: AllocateProducerIdsResponse(error_code=code),
    ControllerRegistrationRequest: lambda _, code, message: ControllerRegistrationResponse(
        error_code=code, error_message=message
    ),
    DescribeQuorumRequest: lambda _, code, message: DescribeQuorumResponse(error_code=code, error_message=message),
}
