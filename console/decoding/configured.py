"""The decoder that an operator's settings describe: words on the command line, a context, a properties file."""

from __future__ import annotations

import os
from collections.abc import Mapping

from console.contexts import Context
from console.decoding.decoder import RecordDecoder
from console.decoding.rules import Rules, parse_rules, parse_wanted

VARIABLE = "STOKER_SCHEMA_REGISTRY"
"""URL of a schema registry, for whoever has neither context nor properties file."""


def configured_decoder(
    wanted: str | None = None, context: Context | None = None, properties: Mapping[str, str] | None = None
) -> RecordDecoder:
    """`wanted` ("json,key=int64") goes before the rules of the `context`; of the registry's URL the variable
    STOKER_SCHEMA_REGISTRY goes before the context's, and that before `schema.registry.url` of the properties.

    Raises OperatorError for words that make no sense. No connection is made.
    """
    if wanted is not None:
        rules = Rules(parse_wanted(wanted))
    else:
        rules = parse_rules(context.decode) if context is not None else Rules()
    given = properties or {}
    url = os.environ.get(VARIABLE) or (context and context.schema_registry) or given.get("schema.registry.url")
    if not url:
        return RecordDecoder(rules)
    from console.decoding.registered import RegisteredSchemas
    from console.schema_registry.client import SchemaRegistry
    from console.schema_registry.config import registry_config

    return RecordDecoder(rules, RegisteredSchemas(SchemaRegistry(registry_config(url, given))))
