"""What both slow twins of the compiled code share."""

from typing import Any

from engine.protocol.schema import FieldSchema, MessageSchema
from engine.protocol.source import LETTERS
from engine.protocol.uuids import ZERO_UUID


class Walk:
    """What both directions share: where we are."""

    def __init__(self, schema: MessageSchema, version: int, classes: dict[str, type]) -> None:
        self.schema = schema
        self.version = version
        self.classes = classes
        self.flexible = schema.is_flexible(version)
        self.path: list[str] = []

    def field_path(self) -> str:
        return "".join(self.path).lstrip(".")

    def default(self, used: FieldSchema) -> Any:
        if used.default != "":
            return used.default
        if used.is_array:
            return []
        match used.type_name:
            case "bool":
                return False
            case "string":
                return ""
            case "bytes" | "records":
                return b""
            case "uuid":
                return ZERO_UUID
            case "float64":
                return 0.0
            case name if name in LETTERS:
                return 0
            case _:
                return self.classes[used.type_name]()

    def compact(self, used: FieldSchema) -> bool:
        return self.flexible and not used.inflexible
