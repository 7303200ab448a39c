"""Templates: Jinja2 with everything escaped and nothing undefined."""

from __future__ import annotations

import re
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from web.formatting import FILTERS
from web.names import part_of

if TYPE_CHECKING:
    from web.ask import Ask

TEMPLATES = Path(__file__).parent / "templates"


@cache
def environment() -> Environment:
    """The one environment. Templates are not looked at again once they are loaded."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters.update(FILTERS)
    made.filters["element_id"] = element_id
    made.filters["name_part"] = part_of
    return made


def element_id(name: str) -> str:
    """An id of an element out of any name: the same for the same, unlikely the same for another."""
    return re.sub(r"[^A-Za-z0-9]", lambda match: f"_{ord(match[0]):x}", name)


def render(ask: Ask, template: str, **context: Any) -> str:
    """The template with what all of them know: `ask`, `layout`, `static(path)`, `app` (state of the console), `now_ms`,
    `done` (the change that was just made)."""
    from web.changes import just_done

    app = ask.request.app
    return (
        environment()
        .get_template(template)
        .render(
            ask=ask,
            layout="layouts/part.html" if ask.is_part else "layouts/base.html",
            static=app.state.assets.url,
            app=app.state,
            done=just_done(ask),
            now_ms=time.time_ns() // 1_000_000,
            **context,
        )
    )
