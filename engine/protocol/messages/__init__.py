"""Every message of the wire under Kafka's name, as a class: `from engine.protocol.messages import ProduceRequest`.

A class is built from the schema text when it is first asked for, its codec when a version is first used. Nested structs
are attributes of their message: `ProduceRequest.TopicProduceData`. The types are in `__init__.pyi`, which
`python -m engine.protocol.stubs` writes. Nothing else lives here.
"""

from engine.protocol.index import MESSAGE_FILES
from engine.protocol.message import Message, build_message_class
from engine.protocol.schema import message_schema


def __getattr__(name: str) -> type[Message]:
    if name.startswith("_") or name not in MESSAGE_FILES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    built = build_message_class(message_schema(name), __name__)
    globals()[name] = built
    return built


def __dir__() -> list[str]:
    return [*MESSAGE_FILES]
