"""A text that must not get into messages, logs, traces or JSON."""

from __future__ import annotations

from typing import Final, NoReturn


class Secret:
    """A password or key. Shows itself as `[hidden]`, as Kafka's `Password` does; `reveal()` gives the text.

    It is no `str`, so nothing that formats, joins or encodes text takes it by mistake, and it cannot be pickled.
    """

    __slots__ = ("_text",)

    HIDDEN: Final = "[hidden]"

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return self.HIDDEN

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not written anywhere")

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self  # dataclasses.asdict copies deeply


def without(text: str, secret: Secret) -> str:
    """`text`, with every occurrence of the secret hidden: for words that somebody else wrote."""
    hidden = secret.reveal()
    return text.replace(hidden, Secret.HIDDEN) if hidden else text
