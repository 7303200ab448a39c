"""Where a user's data, configuration and runtime files belong on this platform.

Linux: the XDG base directories; macOS: Library/Application Support; Windows: AppData.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

_NAME = "stoker"


def config_dir() -> Path:
    """For contexts and saved settings."""
    return _directory("XDG_CONFIG_HOME", ".config", "APPDATA")


def data_dir() -> Path:
    """For what must survive: the topics of `stoker up`."""
    return _directory("XDG_DATA_HOME", ".local/share", "LOCALAPPDATA")


def state_dir() -> Path:
    """For what was done: the audit log."""
    return _directory("XDG_STATE_HOME", ".local/state", "LOCALAPPDATA")


def runtime_dir() -> Path:
    """For what is true only while something runs: which local cluster is up."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime and sys.platform.startswith("linux") and os.access(runtime, os.W_OK):
        return Path(runtime) / _NAME
    return data_dir() / "run"


def _directory(xdg_variable: str, xdg_default: str, windows_variable: str) -> Path:
    if sys.platform == "win32":
        base = os.environ.get(windows_variable)
        return Path(base) / _NAME if base else Path.home() / "AppData" / "Local" / _NAME
    if sys.platform == "darwin" and not os.environ.get(xdg_variable):
        return Path.home() / "Library" / "Application Support" / _NAME
    base = os.environ.get(xdg_variable)
    # The specification has relative paths ignored.
    return (Path(base) if base and Path(base).is_absolute() else Path.home() / xdg_default) / _NAME
