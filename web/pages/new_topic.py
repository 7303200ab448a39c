"""`/topics-new`: a topic to be created, as a form. (Not below `/topics/`: there every name is a topic's.)"""

from __future__ import annotations

from starlette.responses import Response

from console.changes.kinds import CreateTopic
from console.errors import OperatorError
from console.services.topic_changes import CLUSTER_DEFAULT, NewTopic
from engine.protocol.errors import ErrorCode
from web.ask import Ask
from web.changes import show_plan
from web.page import Crumb, Page, PageRoute

_FIELD_OF = {
    ErrorCode.TOPIC_ALREADY_EXISTS: "name",
    ErrorCode.INVALID_TOPIC_EXCEPTION: "name",
    ErrorCode.INVALID_PARTITIONS: "partition_count",
    ErrorCode.INVALID_REPLICATION_FACTOR: "replication_factor",
    ErrorCode.INVALID_CONFIG: "configs",
}

_COUNT_MAX = 100_000


async def new_topic(ask: Ask) -> Page | Response:
    if not ask.is_post:
        return _page(ask, {"name": ask.get("name")}, {})
    form = await ask.form()
    errors: dict[str, str] = {}
    topic = read_topic(form, errors)
    if not errors:
        try:
            plan = await ask.cluster.door.plan(CreateTopic(topic))
        except OperatorError as error:
            problem: OperatorError | None = error
        else:
            problem = plan.blocked
        if problem is None:
            return show_plan(ask, plan, back=ask.url("topics", topic.name))
        name = _FIELD_OF.get(problem.code, "") if problem.code is not None else ""
        errors[name] = f"{problem.title}. {problem.detail}" if not name else problem.detail or problem.title
    return _page(ask, form, errors)


def read_topic(form: dict[str, str], errors: dict[str, str]) -> NewTopic:
    """The topic that the form describes; what is wrong with a field is in `errors` by its name."""
    name = form.get("name", "").strip()
    if not name:
        errors["name"] = "A topic needs a name."
    counts = {}
    for field in ("partition_count", "replication_factor"):
        text = form.get(field, "").strip()
        counts[field] = CLUSTER_DEFAULT
        if text:
            if not text.isdecimal() or not 1 <= int(text[:9]) <= _COUNT_MAX:
                errors[field] = "A whole number from 1 on, or nothing."
            else:
                counts[field] = int(text)
    configs: dict[str, str] = {}
    for line in form.get("configs", "").splitlines():
        if not line.strip():
            continue
        key, equals, value = line.partition("=")
        if not equals or not key.strip():
            errors["configs"] = f"{line.strip()[:60]!r} is no name=value."
            break
        configs[key.strip()] = value.strip()
    return NewTopic(name, counts["partition_count"], counts["replication_factor"], configs)


def _page(ask: Ask, values: dict[str, str], errors: dict[str, str]) -> Page:
    return Page(
        "Create topic",
        "pages/new_topic.html",
        {"values": values, "errors": errors},
        view={"values": values, "errors": errors},
        crumbs=(Crumb("Topics", ask.url("topics")),),
        status=422 if errors else 200,
        nav="/topics",
        live=False,
    )


PAGES = (PageRoute("/topics-new", new_topic, methods=("GET", "POST"), suffixes=("json",)),)
