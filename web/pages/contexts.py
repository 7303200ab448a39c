"""`/contexts`: the clusters that have names, to be opened, added, used by the command line, removed.

The contexts file is the user's own, shared with the command line; nothing here happens to a cluster. A read-only console
does not change it either.
"""

from __future__ import annotations

import asyncio
from shlex import quote
from typing import Any
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from console.client_config import client_config, load_client_properties, parse_bootstrap
from console.contexts import Context, Contexts, check_context_name, load_contexts, save_contexts
from console.decoding.rules import parse_rules
from console.errors import OperatorError
from console.schema_registry.config import registry_config
from engine.errors import KafkaError
from web.ask import Ask
from web.changing import problem_text
from web.names import part_of
from web.page import Crumb, Page, PageRoute
from web.pages.context_changes import ContextChange, ContextChanges
from web.tables import Column, Row, Table

COLUMNS = (
    Column("name", "Cluster", "mono"),
    Column("state", "State", "text", "Of the connection that this console has"),
    Column("bootstrap_servers", "Bootstrap servers", "mono"),
    Column("readonly", "Read-only", "flag", optional=True),
    Column("is_current", "In use", "flag", "By the command line", optional=True),
    Column("settings", "Settings", "text"),
    Column("schema_registry", "Schema registry", "mono", narrow=False, optional=True),
    Column("command_config", "Client properties", "mono", narrow=False, optional=True),
)


def context_rows(ask: Ask, found: Contexts) -> list[Row]:
    """The cluster that the console was started on, then the named ones."""
    clusters = ask.clusters
    default = clusters.default
    rows: list[Row] = []
    for name in clusters.names():
        context = found.contexts.get(name)
        opened = clusters.opened(name)
        servers = ",".join(f"{host}:{port}" for host, port in default.client.bootstrap)
        rows.append(
            {
                "name": name,
                "state": "not opened" if opened is None else "silent" if opened.failure else "connected" if opened.latest else "connecting",
                "bootstrap_servers": servers if context is None else context.bootstrap_servers,
                "readonly": opened.readonly if opened is not None else context is not None and context.readonly,
                "is_current": name == found.current,
                "is_default": name == default.name,
                "schema_registry": None if context is None else context.schema_registry,
                "command_config": None if context is None else context.command_config,
                "settings": None if context is None else f"/contexts/{part_of(name)}",
            }
        )  # fmt: skip
    return rows


async def contexts(ask: Ask) -> Page:
    found = await asyncio.to_thread(load_contexts)
    table = Table(
        COLUMNS,
        context_rows(ask, found),
        key="name",
        id="contexts",
        noun="cluster",
        href=lambda row: "/" if row["is_default"] else f"/clusters/{part_of(str(row['name']))}/",
    )
    change_id = ask.get("changed")
    change = changes_of(ask).kept.get(change_id)
    view = {"states": {"connected": "ok", "silent": "bad"}, "change": change, "change_id": change_id}
    return Page("Contexts", "pages/contexts.html", {"current": found.current}, table, view=view, nav="/contexts")


def refuse_readonly(ask: Ask) -> None:
    """Raises OperatorError in a read-only console."""
    ask.clusters.default.door.refuse_if_readonly("the contexts file")


def changes_of(ask: Ask) -> ContextChanges:
    found: ContextChanges = ask.request.app.state.context_changes
    return found


async def change_file(ask: Ask, before: Contexts, after: Contexts, name: str, text: str) -> Response:
    """Writes the file, closes the cluster whose settings changed, and goes to the list with a message that can undo it."""
    await asyncio.to_thread(save_contexts, after)
    if before.contexts.get(name) != after.contexts.get(name):
        await ask.clusters.forget(name)
    change_id = changes_of(ask).keep(ContextChange(text, name, before.contexts.get(name), before.current))
    return RedirectResponse(f"/contexts?changed={change_id}", 303)


async def undo_change(ask: Ask) -> Page | Response:
    """`POST /contexts-undo/{change}`."""
    refuse_readonly(ask)
    change = changes_of(ask).kept.pop(ask.part("change"), None)
    if change is None:
        raise OperatorError(
            "this change is no longer known", "The console was started again since, or it was undone already."
        )
    now = await asyncio.to_thread(load_contexts)
    return await change_file(ask, now, change.undone(now), change.name, f"Undone: {change.name} is as it was.")


async def new_context(ask: Ask) -> Page | Response:
    """The form to add one, or with `?name=` to change the one of that name."""
    errors: dict[str, str] = {}
    found = await asyncio.to_thread(load_contexts)
    one = found.contexts.get(ask.get("name"))
    values: dict[str, str] = {"name": ask.get("name")} if one is None else form_of(one, found)
    if ask.is_post:
        refuse_readonly(ask)
        values = await ask.form()
        context = await asyncio.to_thread(read_context, values, errors)
        if context is not None and context.name in found.contexts and values.get("was") != context.name:
            errors["name"] = "There is one of that name: change that one, or take another name."
        elif context is not None:
            was_current = found.current == context.name
            current = context.name if values.get("use") else None if was_current else found.current
            after = Contexts({**found.contexts, context.name: context}, current)
            text = f"{'Changed' if context.name in found.contexts else 'Added'} {context.name}."
            return await change_file(ask, found, after, context.name, text)
    title = f"Change {values['was']}" if values.get("was") else "Add cluster"
    return Page(
        title, "pages/new_context.html", {"values": values, "errors": errors}, view={"values": values, "errors": errors},
        crumbs=(Crumb("Contexts", "/contexts"),), status=422 if errors else 200, nav="/contexts", live=False,
    )  # fmt: skip


def form_of(context: Context, found: Contexts) -> dict[str, str]:
    """The form's fields as they are for that context. `was`: which one is changed."""
    values = {
        "was": context.name,
        "name": context.name,
        "bootstrap_servers": context.bootstrap_servers,
        "command_config": context.command_config or "",
        "schema_registry": context.schema_registry or "",
        "decode": "\n".join(f"{topic}={formats}" for topic, formats in context.decode.items()),
        "readonly": "on" if context.readonly else "",
        "use": "on" if context.name == found.current else "",
    }
    return {name: value for name, value in values.items() if value}


def read_context(form: dict[str, str], errors: dict[str, str]) -> Context | None:
    """The context that the form describes, checked as `stoker contexts add` does; what is wrong is in `errors`."""
    name, servers = form.get("name", "").strip(), form.get("bootstrap_servers", "").strip()
    config = form.get("command_config", "").strip() or None
    registry = form.get("schema_registry", "").strip() or None
    decode: dict[str, str] = {}
    for field, check in (
        ("name", lambda: check_context_name(name)),
        ("bootstrap_servers", lambda: parse_bootstrap(servers)),
        ("command_config", lambda: config and client_config(servers, load_client_properties(config)[0])),
        ("schema_registry", lambda: _check_registry(registry)),
        ("decode", lambda: decode.update(read_decode(form.get("decode", "")))),
    ):
        try:
            if not errors:
                check()
        except (OperatorError, KafkaError, OSError) as error:
            errors[field] = problem_text(error) if isinstance(error, OperatorError) else str(error)
    if errors:
        return None
    return Context(name, servers, config, bool(form.get("readonly")), registry, decode)


def read_decode(text: str) -> dict[str, str]:
    """Topics (or patterns) and the formats of their records, one a line. Raises OperatorError."""
    rules: dict[str, str] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        topic, equals, formats = (each.strip() for each in line.partition("="))
        if not equals or not topic or not formats:
            raise OperatorError.words(
                f"cannot read {line[:100]!r}", "Write TOPIC=FORMAT, like orders-*=json,key=int64."
            )
        if topic in rules:
            raise OperatorError.words(f"{topic[:100]} stands there twice")
        rules[topic] = formats
    parse_rules(rules)
    return rules


def _check_registry(url: str | None) -> None:
    if url is not None and ("@" in url or registry_config(url).user is not None):
        raise OperatorError.words(
            "user and password do not belong here", "Write schema.registry.basic.auth.user.info into the properties file."
        )  # fmt: skip


async def context(ask: Ask) -> Page | Response:
    """One named cluster: its settings; to be used by the command line, or removed from the list."""
    name = ask.part("context")
    found = await asyncio.to_thread(load_contexts)
    one = found.get(name)
    if ask.is_post:
        refuse_readonly(ask)
        match (await ask.form()).get("do"):
            case "use":
                after, text = Contexts(found.contexts, name), f"The command line uses {name}."
            case "use-none":
                after, text = Contexts(found.contexts, None), "The command line uses no context."
            case "remove":
                rest = {key: each for key, each in found.contexts.items() if key != name}
                after, text = (
                    Contexts(rest, None if found.current == name else found.current),
                    f"Removed {name} from the list.",
                )
            case _:
                raise HTTPException(400, "Use it, or remove it.")
        return await change_file(ask, found, after, name, text)
    data: dict[str, Any] = {"context": one, "is_current": found.current == name}
    view = {"command": add_command(one), "action": f"/contexts/{part_of(name)}", "open": f"/clusters/{part_of(name)}/"}
    view["change"] = "/contexts-new?" + urlencode({"name": name})
    return Page(
        name, "pages/context.html", data, crumbs=(Crumb("Contexts", "/contexts"),), view=view, nav="/contexts",
        live=False,
    )  # fmt: skip


def add_command(context: Context) -> str:
    """The command that adds it, which is also the way back from removing it."""
    words = ["stoker", "contexts", "add", context.name, "-b", context.bootstrap_servers]
    words += ["--command-config", context.command_config] if context.command_config else []
    words += ["--readonly"] if context.readonly else []
    words += ["--schema-registry", context.schema_registry] if context.schema_registry else []
    for topic, formats in context.decode.items():
        words += ["--decode", f"{topic}={formats}"]
    return " ".join(quote(word) for word in words)


PAGES = (
    PageRoute("/contexts", contexts),
    PageRoute("/contexts-new", new_context, methods=("GET", "POST"), suffixes=("json",)),
    PageRoute("/contexts-undo/{change}", undo_change, methods=("POST",), suffixes=()),
    PageRoute("/contexts/{context}", context, methods=("GET", "POST"), suffixes=("json",)),
)
