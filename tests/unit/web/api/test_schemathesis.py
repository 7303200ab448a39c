"""Requests made of the document, right and wrong ones: nothing is a 5xx, and every answer is as described."""

import os

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase, settings

schemathesis = pytest.importorskip("schemathesis")

from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance  # noqa: E402

from tests.unit.web.api.served import the_document  # noqa: E402

ASKED_FOR = os.environ.get("STOKER_API_EXAMPLES")
EXAMPLES = int(ASKED_FOR or "3")
"""Of right and of wrong requests each, per operation: always the same, or others each time where more are asked for."""

ENDLESS = {"/api/tail"}
"""`test_streams` has it."""

REPORTING = {"/v3/clusters/{cluster_id}/topics/{topic_name}/records"}
"""What is wrong with a record is in its report, in an answer of 200."""

OF_KAFKA = {501, 503}
"""What the cluster has not, or cannot say just now: documented, and no failure of the API."""


def is_of_kafka(response):
    if response.status_code in OF_KAFKA:
        return True
    # Confluent's status for what may be asked again.
    return response.status_code == 500 and b'"error_code":50003' in response.content


def cases():
    for path, methods in the_document()["paths"].items():
        for method in methods:
            if path not in ENDLESS:
                yield method.upper(), path


def modes(path, method):
    """Right requests, and wrong ones where anything can be wrong: any text is the id of a cluster."""
    described = the_document()["paths"][path][method.lower()]
    kinds = [each["schema"] for each in described.get("parameters", ())]
    strict = any("pattern" in each or "enum" in each or each.get("type") != "string" for each in kinds)
    if strict or "requestBody" in described:
        return list(schemathesis.GenerationMode)
    return [schemathesis.GenerationMode.POSITIVE]


@pytest.fixture(scope="session")
def schema(api):
    return schemathesis.openapi.from_url(f"{api.url}/openapi.json")


@pytest.fixture(scope="session")
def some_topic(api, v3):
    assert api.post(f"{v3}/topics", {"topic_name": "found-by-schemathesis"}).status == 201
    return "found-by-schemathesis"


@pytest.mark.parametrize(("method", "path"), list(cases()))
def test_operation(schema, v3, some_topic, method, path):
    operation = schema[path][method]
    cluster_id = v3.rpartition("/")[2]

    for mode in modes(path, method):
        count = 0

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=ASKED_FOR is None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
        def one(case):
            nonlocal count
            count += 1
            # Names that nobody has lead to 404 only: every other request is about what is there.
            if count % 2 and case.path_parameters and "cluster_id" in case.path_parameters:
                case.path_parameters["cluster_id"] = cluster_id
                if "topic_name" in case.path_parameters and method != "DELETE":
                    case.path_parameters["topic_name"] = some_topic
            response = case.call(timeout=30)
            if response.content == b"Invalid HTTP request received.":
                return  # an address longer than uvicorn reads
            assert response.status_code < 500 or is_of_kafka(response), response.content[:2_000]
            is_text = response.headers.get("content-type", [""])[0].startswith(("application/json", "text/"))
            # A body that is too large is refused, whatever is in it.
            if is_text and not is_of_kafka(response) and response.status_code != 413:
                # Kafka and the words of filters refuse more than a schema can say.
                excluded = [positive_data_acceptance, *([negative_data_rejection] if path in REPORTING else [])]
                case.validate_response(response, excluded_checks=excluded)

        try:
            one()
        except hypothesis.errors.Unsatisfiable:
            # Nothing can be wrong about what takes nothing.
            assert mode is schemathesis.GenerationMode.NEGATIVE
