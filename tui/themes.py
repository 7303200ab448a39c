"""Our themes, and which one fits the terminal. All of Textual's own can be had as well."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from textual.theme import BUILTIN_THEMES, Theme

DARK = Theme(
    name="stoker-dark",
    primary="#e8893a",
    secondary="#7fb4d8",
    accent="#f2c14e",
    foreground="#d7d3cb",
    background="#14161a",
    surface="#1c1f25",
    panel="#20242b",
    success="#7cc082",
    warning="#e5b454",
    error="#e8645a",
    dark=True,
    variables={
        # Textual's own is transparent beside a panel.
        "boost": "#2a2f38",
        "button-focus-text-style": "bold underline",
        "block-cursor-background": "#e8893a",
        "block-cursor-foreground": "#14161a",
        "text-muted": "#9ca1ab",
        "text-disabled": "#7d838e",
        "border": "#3a404b",
        "scrollbar": "#3a404b",
        "scrollbar-background": "#14161a",
        "scrollbar-hover": "#59616f",
        "scrollbar-active": "#e8893a",
        "scrollbar-corner-color": "#14161a",
    },
)

LIGHT = Theme(
    name="stoker-light",
    primary="#b3560c",
    secondary="#1f6391",
    accent="#8a6200",
    foreground="#26282c",
    background="#fbfaf7",
    surface="#f1efe9",
    panel="#e9e6de",
    success="#2b7a36",
    warning="#8f6200",
    error="#b3261e",
    dark=False,
    variables={
        "boost": "#e2ded4",
        "button-focus-text-style": "bold underline",
        "block-cursor-background": "#b3560c",
        "block-cursor-foreground": "#ffffff",
        "text-muted": "#5a5d63",
        "text-disabled": "#72706a",
        "border": "#c9c4b8",
        "scrollbar": "#c9c4b8",
        "scrollbar-background": "#fbfaf7",
        "scrollbar-hover": "#a8a294",
        "scrollbar-active": "#b3560c",
        "scrollbar-corner-color": "#fbfaf7",
    },
)


SIXTEEN = replace(BUILTIN_THEMES["ansi-dark"], name="stoker-16", primary="ansi_cyan")
"""In the terminal's own colours. Textual's has headings in blue, which most terminals make too dark to read on black."""


def fitting_theme(color_system: str | None, environment: Mapping[str, str]) -> str:
    """With 16 colours the terminal's own; else ours, light where the terminal says that its background is (COLORFGBG,
    which rxvt, Konsole and others set: "foreground;background")."""
    background = environment.get("COLORFGBG", "").rpartition(";")[2]
    light = background in ("7", "15")
    if color_system == "standard":
        return "ansi-light" if light else SIXTEEN.name
    return LIGHT.name if light else DARK.name
