"""Colours by what they mean."""

from __future__ import annotations

from rich.style import Style
from textual.widget import Widget


def role_style(widget: Widget, name: str) -> Style:
    """The letters of a component class, without its background: to be laid over another.

    The partial style that Textual has leaves relative colours (`$text-muted` is "auto 60%") undecided.
    """
    whole = widget.get_component_rich_style(name)
    return Style(color=whole.color, bold=whole.bold or None, underline=whole.underline or None, dim=whole.dim or None)
