"""A token that is kept in a file: addresses, cookies and what scrapes `/metrics` stay good when the console starts again."""

from __future__ import annotations

import os
import re

from console.errors import OperatorError
from web.security.access import new_token

_TOKEN = re.compile(r"[A-Za-z0-9._~-]{20,512}")
"""What stands in an address as it is, and is long enough that nobody guesses it."""


def kept_token(path: str) -> str:
    """The token in that file, which is made when there is none. Raises OperatorError, also when others can read it."""
    path = os.path.expanduser(path)
    try:
        return _made(path)
    except FileExistsError:
        pass
    except OSError as error:
        raise OperatorError(f"cannot write the token to {path}", error.strerror or str(error)) from error
    try:
        with open(path, encoding="utf-8") as file:
            if os.name == "posix" and os.fstat(file.fileno()).st_mode & 0o077:
                raise OperatorError.words(f"{path} is for others to read, too", f"chmod 600 {path}")
            text = file.read(10_000).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise OperatorError(f"cannot read the token in {path}", str(error)) from error
    if not _TOKEN.fullmatch(text):
        raise OperatorError.words(
            f"what is in {path} is no token",
            "20 letters, digits, - . _ ~ or more, in one line. Without the file one is made.",
        )
    return text


def _made(path: str) -> str:
    """Raises OSError."""
    token = new_token()
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(token + "\n")
    return token
