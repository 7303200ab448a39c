"""The table a listener dispatches by: API key -> handler."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from engine.errors import KafkaError
from engine.protocol.api import ApiKey, request_class, response_class

Direct = Callable[[Any, Any, memoryview], Any]
"""(owner, connection, whole frame) -> `bytes`, a whole frame that is the answer; a `Pending`, which will be; None, no
answer; or NotImplemented, nothing was done and the request goes the general way. The frame is not decoded yet and may be
anything that begins with the API key and has at least ten bytes."""


class Handler:
    """One registered function with the versions it understands (inclusive).

    `keeps_body`: the request's byte fields may be used after the function returned, so the frame is copied first.
    `direct`: the short way for the usual form of the request; see `Direct`.
    """

    __slots__ = (
        "_request_class",
        "advertised_min_version",
        "api_key",
        "direct",
        "function",
        "keeps_body",
        "max_version",
        "min_version",
    )

    def __init__(
        self,
        api_key: ApiKey,
        versions: tuple[int, int],
        function: Callable[..., Any],
        *,
        advertised_min_version: int | None = None,
        keeps_body: bool = True,
        direct: Direct | None = None,
    ) -> None:
        self.api_key = api_key
        self.min_version, self.max_version = versions
        self.function = function
        self.advertised_min_version = self.min_version if advertised_min_version is None else advertised_min_version
        self.keeps_body = keeps_body
        self.direct = direct
        self._request_class: Any = None

    @property
    def request_class(self) -> Any:
        """The message class of the request; compiled on first use."""
        if self._request_class is None:
            self._request_class = request_class(self.api_key)
        return self._request_class

    def error_response(self, error: KafkaError) -> Any:
        """A response that carries `error` at its top level, or None where that response has no such field."""
        response = response_class(self.api_key)()
        if not hasattr(response, "error_code"):
            return None
        response.error_code = int(error.code)
        if hasattr(response, "error_message"):
            response.error_message = error.message
        return response


class HandlerTable:
    """What one kind of listener serves."""

    def __init__(
        self, handlers: Mapping[int, Handler], answer_unsupported_api_versions: Callable[[Any, Any], Any]
    ) -> None:
        self.handlers = dict(handlers)
        self.get = self.handlers.get
        self.direct = {key: handler.direct for key, handler in self.handlers.items() if handler.direct is not None}
        self.answer_unsupported_api_versions = answer_unsupported_api_versions
        """(owner, context) -> ApiVersionsResponse with error 35, for KIP-511."""
