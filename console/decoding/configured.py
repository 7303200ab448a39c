"""The decoder that an operator's settings describe: words on the command line, a context, a properties file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from console.contexts import Context
from console.decoding.decoder import RecordDecoder
from console.decoding.rules import AUTO, Rules, Wanted, parse_rules, rules_with

VARIABLE = "STOKER_SCHEMA_REGISTRY"
"""URL of a schema registry, for whoever has neither context nor properties file."""


def configured_decoder(
    wanted: str | Sequence[str] | None = None,
    context: Context | None = None,
    properties: Mapping[str, str] | None = None,
) -> RecordDecoder:
    """`wanted` (one word or several, see `rules.rules_with`) goes before the rules of the `context`; of the registry's
    URL the variable STOKER_SCHEMA_REGISTRY goes before the context's, and that before `schema.registry.url` of the
    properties.

    Raises OperatorError for words that make no sense. No connection is made.
    """
    words = [wanted] if isinstance(wanted, str) else list(wanted or ())
    rules = rules_with(words, parse_rules(context.decode) if context is not None else Rules())
    # A format for one topic says nothing about the others; "auto" or "key=int64" is about all of them.
    always = bool(words) and rules.everywhere != Wanted()
    always = always or any(
        item.strip().lower().rpartition("=")[2] == AUTO for word in words for item in word.split(",")
    )
    given = properties or {}
    url = os.environ.get(VARIABLE) or (context and context.schema_registry) or given.get("schema.registry.url")
    if not url:
        return RecordDecoder(rules, always=always)
    from console.decoding.registered import RegisteredSchemas
    from console.schema_registry.client import SchemaRegistry
    from console.schema_registry.config import registry_config

    return RecordDecoder(rules, RegisteredSchemas(SchemaRegistry(registry_config(url, given))), always=always)
