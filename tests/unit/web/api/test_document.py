"""The document is what is served."""

from tests.unit.web.api.served import the_document
from web.api.operations import OPERATIONS
from web.api.router import ApiRoutes


def test_every_operation_of_the_table_is_in_the_document_with_its_errors():
    document = the_document()
    assert sum(map(len, document["paths"].values())) == len(OPERATIONS)
    for path in document["paths"].values():
        for each in path.values():
            assert each["summary"]
            assert "default" in each["responses"]


def test_every_parameter_and_every_kind_of_object_is_explained():
    document = the_document()
    for path, methods in document["paths"].items():
        for each in methods.values():
            for parameter in each.get("parameters", ()):
                assert parameter.get("description"), (path, parameter["name"])
            assert each.get("requestBody", {"description": "-"})["description"]
    for name, schema in document["components"]["schemas"].items():
        assert schema.get("description"), name


def test_names_of_operations_are_taken_once():
    names = [each.name for each in OPERATIONS]
    assert len(names) == len(set(names))


def test_parameters_have_bounds():
    for path, methods in the_document()["paths"].items():
        for each in methods.values():
            for parameter in each.get("parameters", ()):
                schema = parameter["schema"]
                if schema.get("type") == "integer":
                    assert "maximum" in schema, (path, parameter["name"])


def test_whole_numbers_may_be_text_in_api_and_never_in_v3():
    schemas = the_document()["components"]["schemas"]
    assert schemas["RecordView"]["properties"]["offset"] == {"$ref": "#/components/schemas/Integer"}
    assert schemas["LagData"]["properties"]["lag"] == {"type": "integer"}


def test_a_group_with_a_slash_and_a_topic_called_dash_are_found():
    routes = ApiRoutes()
    found = routes.find(["v3", "clusters", "c", "consumer-groups", "a/b", "lags"])
    assert found.values == ("c", "a/b")
    assert (
        routes.find(["v3", "clusters", "c", "topics", "-", "configs"]).operations["GET"].name
        == "list_v3_all_topic_configs"
    )
    assert routes.find(["v3", "clusters", "c", "topics", "-", "partitions"]).values == ("c", "-")


def test_pages_are_not_taken_from_others():
    routes = ApiRoutes()
    assert routes.find(["topics", "orders"]) is None
    assert routes.find(["clusters", "prod", "topics"]) is None
    assert routes.find(["clusters", "prod", "api", "overview"]).cluster == "prod"
    assert routes.find(["clusters", "prod", "healthz"]) is None
