"""Where the registry is and how to sign in there: a URL, and the properties that Confluent's clients take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from console.errors import OperatorError

_PREFIX = "schema.registry."


@dataclass(frozen=True, slots=True)
class RegistryConfig:
    """One registry."""

    host: str
    port: int
    is_tls: bool
    path: str = ""
    """Before every path, without a slash at its end."""
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    bearer_token: str | None = field(default=None, repr=False)
    ca_file: str | None = None
    """PEM; None trusts what the system trusts."""
    certificate_file: str | None = None
    key_file: str | None = None
    timeout_ms: int = 5_000
    """For one request, from connecting to the last byte."""

    @property
    def url(self) -> str:
        """The address as it can be shown: without user and password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.is_tls else 'http'}://{host}:{self.port}{self.path}"


def registry_config(url: str, properties: Mapping[str, str] | None = None) -> RegistryConfig:
    """The registry at `url`, user and password in it or in Confluent's properties, `schema.registry.` before them or not:
    `basic.auth.user.info`, `bearer.auth.token`, `ssl.ca.location`, `ssl.certificate.location`, `ssl.key.location`.

    Raises OperatorError.
    """
    given = properties or {}

    def of(name: str) -> str | None:
        return given.get(_PREFIX + name, given.get(name)) or None

    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise OperatorError.words(f"the schema registry's URL is none: {error}") from error
    # Whatever could end a line would add headers of its own to the request.
    if (
        parts.scheme not in ("http", "https")
        or not host
        or parts.query
        or parts.fragment
        or not url.strip().isprintable()
    ):
        raise OperatorError.words(
            "the schema registry's URL is none", "Like https://registry.example:8081, without ? and #."
        )
    user = unquote(parts.username) if parts.username is not None else None
    password = unquote(parts.password) if parts.password is not None else None
    user_info = of("basic.auth.user.info")
    if user_info is not None:
        user, _, password = user_info.partition(":")
    is_tls = parts.scheme == "https"
    return RegistryConfig(
        host,
        port or (443 if is_tls else 80),
        is_tls,
        parts.path.rstrip("/"),
        user,
        password,
        of("bearer.auth.token"),
        of("ssl.ca.location"),
        of("ssl.certificate.location"),
        of("ssl.key.location"),
    )
