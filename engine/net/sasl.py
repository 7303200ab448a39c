"""SASL over Kafka's protocol, as a client: SaslHandshake v1, then SaslAuthenticate (KIP-152, KIP-368).

What a mechanism sends is made by an exchange, which knows no connection. No answer of a broker gets into an error unless it
is short and free of our password.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from engine.net.connection_security import SaslCredentials
from engine.net.scram import NONCE_BYTES, ScramClient, ScramError
from engine.net.secret import without
from engine.protocol.api import ApiKey
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import SaslAuthenticateRequest, SaslHandshakeRequest
from engine.runtime.randomness import unguessable_text

Ask = Callable[[Any, int], Awaitable[Any]]
"""Sends a request in that version and returns its response."""

_WORDS_MAX = 300
"""Characters of a broker's own words that are repeated."""


class SaslFailed(Exception):
    """The broker did not let us in, or did not prove itself. Says why in words for people."""


class PlainExchange:
    """RFC 4616, without a name to act for. One message; brokers answer with nothing (Kafka: PlainSaslServer)."""

    def __init__(self, credentials: SaslCredentials) -> None:
        self._credentials = credentials

    def first(self) -> bytes:
        return f"\0{self._credentials.username}\0{self._credentials.password.reveal()}".encode()

    def respond(self, challenge: bytes) -> bytes | None:
        return None


class ScramExchange:
    """SCRAM: two messages, then the broker's proof is checked."""

    def __init__(self, credentials: SaslCredentials, nonce: str) -> None:
        self._credentials = credentials
        self._scram = ScramClient(credentials.mechanism, credentials.username, credentials.password, nonce)
        self._has_proved = False

    def first(self) -> bytes:
        return self._scram.first()

    def respond(self, challenge: bytes) -> bytes | None:
        """The next message, None when both sides are satisfied. Raises SaslFailed."""
        try:
            if not self._has_proved:
                self._has_proved = True
                return self._scram.final(challenge)
            self._scram.verify(challenge)
        except ScramError as error:
            raise SaslFailed(_shown(str(error), self._credentials)) from None
        return None


def exchange(credentials: SaslCredentials, nonce: str) -> PlainExchange | ScramExchange:
    return PlainExchange(credentials) if credentials.mechanism == "PLAIN" else ScramExchange(credentials, nonce)


async def authenticate(ask: Ask, offered: Mapping[int, tuple[int, int]], credentials: SaslCredentials) -> int:
    """Signs in, and returns for how many milliseconds that holds; 0: for as long as the connection does.

    `offered`: the versions the broker advertised. Raises SaslFailed, and whatever `ask` raises.
    """
    version = min(offered.get(ApiKey.SASL_AUTHENTICATE, (0, -1))[1], SaslAuthenticateRequest.MAX_VERSION)
    if version < 0 or offered.get(ApiKey.SASL_HANDSHAKE, (0, -1))[1] < 1:
        raise SaslFailed("the broker offers no SASL, or is older than Kafka 1.0")
    handshake = await ask(SaslHandshakeRequest(mechanism=credentials.mechanism), 1)
    if handshake.error_code != ErrorCode.NONE:
        raise SaslFailed(_handshake_words(handshake, credentials))
    steps = exchange(credentials, unguessable_text(NONCE_BYTES))
    token: bytes | None = steps.first()
    while token is not None:
        answer = await ask(SaslAuthenticateRequest(auth_bytes=token), version)
        if answer.error_code != ErrorCode.NONE:
            raise SaslFailed(_shown(answer.error_message or ErrorCode.of(answer.error_code).name, credentials))
        challenge = bytes(answer.auth_bytes)
        if isinstance(steps, PlainExchange):
            token = steps.respond(challenge)
        else:
            # In a thread: SCRAM hashes as often as the broker asks, which may take most of a second.
            token = await asyncio.to_thread(steps.respond, challenge)
    return max(0, int(answer.session_lifetime_ms))


def _handshake_words(handshake: Any, credentials: SaslCredentials) -> str:
    if handshake.error_code == ErrorCode.UNSUPPORTED_SASL_MECHANISM:
        enabled = _shown(", ".join(handshake.mechanisms) or "none", credentials)
        return f"{credentials.mechanism} is not enabled at the broker; enabled: {enabled}"
    if handshake.error_code == ErrorCode.ILLEGAL_SASL_STATE:
        return "the listener does not ask for SASL: security.protocol does not fit it"
    return ErrorCode.of(handshake.error_code).name


def _shown(words: str, credentials: SaslCredentials) -> str:
    return without(words, credentials.password)[:_WORDS_MAX]
