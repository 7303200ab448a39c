"""What every message can do: encode itself and be decoded. The classes themselves come out of the schema text."""

from collections.abc import Callable
from typing import Any, ClassVar, Self

import msgspec

from engine.protocol.buffers import Buffer
from engine.protocol.decoder import compile_decoder, keeps_views
from engine.protocol.encoder import compile_encoder
from engine.protocol.reference import explain_decoding, explain_encoding
from engine.protocol.schema import FieldSchema, MessageSchema, StructSchema


class WireStruct(msgspec.Struct):
    """A struct nested in a message. Mutable, compared by value.

    `unknown_tags` keeps the tagged fields that its version's schema does not know, by tag; they are written back.
    """


class Message(WireStruct):
    """A request, response, header or record in any of its versions.

    A field that a version does not have keeps its default when decoding; when encoding, a value set in it is dropped if
    Kafka says the field is ignorable and is a `ProtocolError` otherwise.
    """

    API_KEY: ClassVar[int | None]
    """The API key; the record type of a metadata or coordinator record; None for what has neither."""
    MIN_VERSION: ClassVar[int]
    MAX_VERSION: ClassVar[int]
    FLEXIBLE_FROM: ClassVar[int | None]
    """First version with compact lengths and tagged fields (KIP-482), None when there is none."""
    SCHEMA: ClassVar[MessageSchema]
    STRUCTS: ClassVar[dict[str, type]]
    """The class of every struct of the message by name, its own too."""
    KEEPS_VIEWS: ClassVar[bool]
    """Whether decoded records are views of the data that was given, which then must not change."""

    _encoders: ClassVar[dict[int, Callable[[Any], list[Buffer]]]]
    _decoders: ClassVar[dict[int, Callable[[Any, int, int], tuple[Any, int]]]]

    @classmethod
    def is_flexible(cls, version: int) -> bool:
        """Whether `version` has compact lengths and tagged fields (KIP-482)."""
        return cls.FLEXIBLE_FROM is not None and version >= cls.FLEXIBLE_FROM

    def encode_parts(self, version: int) -> list[Buffer]:
        """The message as buffers that follow each other; records and large bytes are passed through uncopied.

        Raises ProtocolError (local) for a value that does not fit, UnsupportedVersionError for an unknown version.
        """
        encode = self._encoders.get(version) or self._compile_encoder(version)
        try:
            return encode(self)
        except Exception as error:
            raise explain_encoding(self.SCHEMA, version, self.STRUCTS, self, error) from error

    def encode(self, version: int) -> bytes:
        """The message as one `bytes`. Raises as `encode_parts`."""
        encode = self._encoders.get(version) or self._compile_encoder(version)
        try:
            return b"".join(encode(self))
        except Exception as error:
            raise explain_encoding(self.SCHEMA, version, self.STRUCTS, self, error) from error

    @classmethod
    def decode(cls, data: Buffer, version: int) -> Self:
        """The message that `data` is, from its first byte to its last.

        `records` and `bytes` come back as memoryviews: of `data` itself in a message with records, of a private copy
        in any other. Raises ProtocolError (remote) for anything malformed, trailing bytes included.
        """
        decode = cls._decoders.get(version) or cls._compile_decoder(version)
        source = data if cls.KEEPS_VIEWS or type(data) is bytes else bytes(data)
        end = len(source)
        try:
            message, position = decode(source, 0, end)
        except Exception as error:
            raise explain_decoding(cls.SCHEMA, version, cls.STRUCTS, source, 0, error, True) from error
        if position != end:
            raise explain_decoding(cls.SCHEMA, version, cls.STRUCTS, source, 0, None, True)
        return message  # type: ignore[no-any-return]

    @classmethod
    def decode_from(cls, data: Buffer, position: int, version: int) -> tuple[Self, int]:
        """The message at `position` of `data` and the position after it; otherwise as `decode`.

        A message without records is decoded from a copy of all of `data` unless that is `bytes`: hand in the frame,
        not the buffer around it.
        """
        decode = cls._decoders.get(version) or cls._compile_decoder(version)
        source = data if cls.KEEPS_VIEWS or type(data) is bytes else bytes(data)
        end = len(source)
        try:
            message, after = decode(source, position, end)
        except Exception as error:
            raise explain_decoding(cls.SCHEMA, version, cls.STRUCTS, source, position, error, False) from error
        if after > end:
            raise explain_decoding(cls.SCHEMA, version, cls.STRUCTS, source, position, None, False)
        return message, after

    @classmethod
    def _compile_encoder(cls, version: int) -> Callable[[Any], list[Buffer]]:
        cls.SCHEMA.check_version(version)
        function = compile_encoder(cls.SCHEMA, version, cls.STRUCTS)
        cls._encoders[version] = function
        return function

    @classmethod
    def _compile_decoder(cls, version: int) -> Callable[[Any, int, int], tuple[Any, int]]:
        cls.SCHEMA.check_version(version)
        function = compile_decoder(cls.SCHEMA, version, cls.STRUCTS)
        cls._decoders[version] = function
        return function


def build_message_class(schema: MessageSchema, module: str) -> type[Message]:
    """The classes of `schema`: one per struct, the nested ones as attributes of the one returned."""
    structs: dict[str, type] = {}
    for nested in schema.structs.values():
        qualified = {"__qualname__": f"{schema.name}.{nested.name}"}
        structs[nested.name] = _build(nested, structs, (WireStruct,), module, qualified)
    namespace: dict[str, Any] = {
        **structs,
        "API_KEY": schema.key,
        "MIN_VERSION": schema.versions.lowest,
        "MAX_VERSION": schema.versions.highest,
        "FLEXIBLE_FROM": schema.flexible_from,
        "SCHEMA": schema,
        "STRUCTS": structs,
        "KEEPS_VIEWS": keeps_views(schema),
        "_encoders": {},
        "_decoders": {},
    }
    root = _build(schema.root, structs, (Message,), module, namespace)
    structs[schema.name] = root
    return root


def _build(
    struct: StructSchema, known: dict[str, type], bases: tuple[type, ...], module: str, namespace: dict[str, Any]
) -> type:
    fields = [(used.name, Any, _default(used, known)) for used in struct.fields]
    fields.append(("unknown_tags", Any, None))
    return msgspec.defstruct(struct.name, fields, bases=bases, module=module, namespace=namespace)


def _default(used: FieldSchema, known: dict[str, type]) -> Any:
    if used.default != "":
        return used.default
    if used.is_array:
        return msgspec.field(default_factory=list)
    natural = _NATURAL_DEFAULTS.get(used.type_name)
    if natural is not None:
        return natural
    return msgspec.field(default_factory=known[used.type_name])


_NATURAL_DEFAULTS: dict[str, Any] = {
    "bool": False,
    "string": "",
    "bytes": b"",
    "records": b"",
    "uuid": bytes(16),
    "float64": 0.0,
    **dict.fromkeys(("int8", "int16", "uint16", "int32", "uint32", "int64"), 0),
}
