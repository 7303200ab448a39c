"""How a client connection proves who it is and keeps its bytes private.

Everything that opens connections takes a `ConnectionSecurity` and hands it on. What is asked for is done or refused:
a connection never falls back to less.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from engine.net.secret import Secret

if TYPE_CHECKING:
    import ssl

SECURITY_PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
"""Kafka's names (Kafka: SecurityProtocol)."""

SASL_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
"""Those spoken here."""


class SaslCredentials(msgspec.Struct, frozen=True):
    """Who to be, and the password to prove it by. Raises ValueError for a mechanism not in `SASL_MECHANISMS`."""

    mechanism: str
    username: str
    password: Secret

    def __post_init__(self) -> None:
        if self.mechanism not in SASL_MECHANISMS:
            raise ValueError(f"SASL mechanism {self.mechanism} is not one of {', '.join(SASL_MECHANISMS)}")
        if not self.username or not self.password.reveal():
            raise ValueError("SASL needs a user name and a password")
        if self.mechanism == "PLAIN" and "\0" in self.username + self.password.reveal():
            # RFC 4616: NUL is what separates them.
            raise ValueError("SASL PLAIN allows no NUL in user name and password")


class ConnectionSecurity(msgspec.Struct, frozen=True):
    """Security of a client connection: `security.protocol` of a Kafka client properties file and what belongs to it.

    `tls` is there for SSL and SASL_SSL and says whom to trust, which certificate to show and whether the host name must
    match (`check_hostname`); see `engine.net.tls`. `sasl` is there for SASL_PLAINTEXT and SASL_SSL. Raises ValueError
    when the parts do not fit the protocol.
    """

    protocol: str = "PLAINTEXT"
    tls: ssl.SSLContext | None = None
    sasl: SaslCredentials | None = None

    def __post_init__(self) -> None:
        if self.protocol not in SECURITY_PROTOCOLS:
            raise ValueError(f"security.protocol {self.protocol} is not one of {', '.join(SECURITY_PROTOCOLS)}")
        for name, given in (("SSL", self.tls), ("SASL", self.sasl)):
            if (name in self.protocol) != (given is not None):
                verb = "needs" if given is None else "has no use for"
                raise ValueError(f"security.protocol {self.protocol} {verb} {name} settings")


PLAINTEXT = ConnectionSecurity()
