"""Why compiled code failed.

The compiled functions stop with whatever exception comes first. Then the slow twins run: they walk the schema field by
field and say which field of which message was wrong, and at which byte. In tests they are the plain statement of what
compiled code must do.
"""

from typing import Any

from engine.protocol.buffers import Buffer
from engine.protocol.errors import Blame, ProtocolError
from engine.protocol.reference_decoder import ReferenceDecoder
from engine.protocol.reference_encoder import ReferenceEncoder
from engine.protocol.schema import MessageSchema

__all__ = ["ReferenceDecoder", "ReferenceEncoder", "explain_decoding", "explain_encoding"]


def explain_decoding(
    schema: MessageSchema,
    version: int,
    classes: dict[str, type],
    data: Buffer,
    position: int,
    cause: BaseException | None,
    whole: bool,
) -> ProtocolError:
    """Why `data` is no message of this schema. `whole`: nothing may follow the message."""
    reader = ReferenceDecoder(schema, version, classes, data, position)
    try:
        reader.message()
        if whole:
            reader.check_end()
    except ProtocolError as error:
        return error
    return ProtocolError(Blame.REMOTE, f"malformed ({cause!r})", message_name=schema.name, version=version)


def explain_encoding(
    schema: MessageSchema, version: int, classes: dict[str, type], message: Any, cause: BaseException
) -> ProtocolError:
    """Why `message` cannot be written in `version`."""
    writer = ReferenceEncoder(schema, version, classes)
    try:
        writer.message(message)
    except ProtocolError as error:
        return error
    return ProtocolError(Blame.LOCAL, f"cannot be written ({cause!r})", message_name=schema.name, version=version)
