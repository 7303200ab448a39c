"""How a client connection proves who it is and keeps its bytes private.

The seam for TLS and SASL: everything that opens connections takes a `ConnectionSecurity` and hands it on. Until those
exist, PLAINTEXT is the only protocol there is, and asking for another one is an error and never silently plaintext.
"""

from dataclasses import dataclass

SECURITY_PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
"""Kafka's names (Kafka: SecurityProtocol)."""


@dataclass(frozen=True, slots=True)
class ConnectionSecurity:
    """Security of a client connection: `security.protocol` of a Kafka client properties file."""

    protocol: str = "PLAINTEXT"


PLAINTEXT = ConnectionSecurity()
