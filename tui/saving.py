"""A file of what is shown, beside those that are there."""

from __future__ import annotations

from pathlib import Path

from console.errors import OperatorError


def save_new(directory: Path, name: str, text: str) -> Path:
    """Writes `text` under that name, or the next that is free ("topics-2.csv"); says where. Raises OperatorError."""
    safe_name = "".join(letter if letter.isalnum() or letter in "._-" else "_" for letter in name)
    path = directory / safe_name
    number = 1
    while path.exists():
        number += 1
        path = directory / f"{Path(safe_name).stem}-{number}{Path(safe_name).suffix}"
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OperatorError(f"cannot write {path}", error.strerror or str(error)) from error
    return path
