"""`sasl.jaas.config`: user name and password out of the one line in which Java clients keep them.

    org.apache.kafka.common.security.scram.ScramLoginModule required username="alice" password="…";

Only the two login modules below are understood, and none is ever loaded: a class name is compared and nothing else
(CVE-2023-25194 came of loading what is named here).
"""

from __future__ import annotations

import re

_LOGIN_MODULES = {
    "org.apache.kafka.common.security.plain.PlainLoginModule": ("PLAIN",),
    "org.apache.kafka.common.security.scram.ScramLoginModule": ("SCRAM-SHA-256", "SCRAM-SHA-512"),
}
_CONTROL_FLAGS = frozenset({"required", "requisite", "sufficient", "optional"})
_OPTIONS = frozenset({"username", "password"})

# As java.io.StreamTokenizer is set up by Kafka's JaasConfig: words, quoted texts, comments, and single characters.
_TOKEN = re.compile(
    r"\s+|//[^\n]*|/\*.*?\*/"
    r'|"((?:[^"\\\n]|\\.)*)"'
    r"|'((?:[^'\\\n]|\\.)*)'"
    r"|([A-Za-z_$\u00a0-\uffff-][\w.$\u00a0-\uffff-]*)"
    r"|(.)",
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\([0-3][0-7]{0,2}|[4-7][0-7]?|.)", re.DOTALL)
_ESCAPED = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


class JaasError(ValueError):
    """The text is not a login module with user name and password. Says where it breaks, without any value in it."""


def jaas_credentials(text: str, mechanism: str) -> tuple[str, str]:
    """User name and password in `text`, which has to be for `mechanism`. Raises JaasError."""
    kinds_and_words = _tokens(text)
    if not kinds_and_words:
        raise JaasError("there is no login module")
    module = _word(kinds_and_words, 0, "a login module")
    _check_module(module, mechanism)
    if _word(kinds_and_words, 1, "`required`").lower() not in _CONTROL_FLAGS:
        raise JaasError(f"after {module} comes `required`")
    options: dict[str, str] = {}
    at = 2
    while at < len(kinds_and_words) and kinds_and_words[at] != (False, ";"):
        name = _word(kinds_and_words, at, "an option's name")
        if kinds_and_words[at + 1 : at + 2] != [(False, "=")]:
            raise JaasError(f"after the {at // 3 + 1}. option's name there is no =")
        options[name] = _word(kinds_and_words, at + 2, f"the value of {name}, in quotes")
        at += 3
    if at >= len(kinds_and_words):
        raise JaasError("there is no ; at its end")
    if at + 1 < len(kinds_and_words):
        raise JaasError("there is more than one login module")
    for name in options:
        if name not in _OPTIONS and not (name == "tokenauth" and options[name].lower() == "false"):
            # Not the name: with a quote left out, a part of the password would stand here.
            known = " (delegation tokens)" if name == "tokenauth" else ""
            raise JaasError(f"an option other than username and password is not supported{known}")
    if not options.get("username") or not options.get("password"):
        raise JaasError("username and password are both needed")
    return options["username"], options["password"]


def _check_module(module: str, mechanism: str) -> None:
    mechanisms = _LOGIN_MODULES.get(module)
    if mechanisms is None:
        raise JaasError(f"{module} is not supported; those that are: {', '.join(_LOGIN_MODULES)}")
    if mechanism not in mechanisms:
        raise JaasError(f"{module} is for {' and '.join(mechanisms)}, and sasl.mechanism is {mechanism}")


def _tokens(text: str) -> list[tuple[bool, str]]:
    """(whether it is a word or a quoted text, the text)"""
    found = []
    for match in _TOKEN.finditer(text):
        double, single, word, other = match.groups()
        quoted = double if double is not None else single
        if quoted is not None:
            found.append((True, _ESCAPE.sub(_unescaped, quoted)))
        elif word is not None:
            found.append((True, word))
        elif other is not None:
            found.append((False, other))
    return found


def _word(tokens: list[tuple[bool, str]], at: int, what: str) -> str:
    if at >= len(tokens) or not tokens[at][0]:
        raise JaasError(f"{what} is missing")
    return tokens[at][1]


def _unescaped(match: re.Match[str]) -> str:
    escaped = match[1]
    return chr(int(escaped, 8)) if escaped[0] in "01234567" else _ESCAPED.get(escaped, escaped)
