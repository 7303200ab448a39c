"""The engine's errors, by blame.

ProtocolError      (engine.protocol.errors) bytes that cannot be understood; the peer's closes its connection
KafkaError         an answer of the protocol: an ErrorCode and a sentence; becomes a code in the response
StorageError       (engine.runtime.disk) the disk would not do it; takes the log directory offline
ConfigError        a property that is unknown, ill-formed or contradicts another; names property, value, way out
InvariantViolation a bug of ours: stop the node, keep the evidence
"""

from engine.protocol.errors import ErrorCode


class KafkaError(Exception):
    """An error code of the Kafka protocol with a sentence for people.

    Handlers turn it into the code (and, where the response has a field for it, the message).
    """

    def __init__(self, code: ErrorCode, message: str | None = None) -> None:
        super().__init__(message or code.name)
        self.code = code
        self.message = message or code.text


class ConfigError(Exception):
    """A property that cannot be used; the message names the property, its value and the way out."""


class InvariantViolation(AssertionError):
    """Something the engine holds to be always true was not."""
