"""Static files: read once, kept in memory, at an address that has a hash of all of them, so that browsers keep them for
good. One hash for all keeps the imports between ES modules relative and simple."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

STATIC = Path(__file__).parent / "static"

TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".webmanifest": "application/manifest+json",
}
"""Nothing else is served."""


class Assets:
    """All static files. What is not in the folder when it is made is not there: no path reaches the disk."""

    def __init__(self, folder: Path = STATIC) -> None:
        digest = hashlib.sha256()
        self._files: dict[str, tuple[bytes, bytes, str]] = {}
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.suffix in TYPES:
                body = path.read_bytes()
                name = path.relative_to(folder).as_posix()
                digest.update(name.encode() + b"\0" + hashlib.sha256(body).digest())
                packed = gzip.compress(body, 6, mtime=0)
                self._files[name] = (body, packed if len(packed) < len(body) else b"", TYPES[path.suffix])
        self.hash = digest.hexdigest()[:12]

    def url(self, name: str) -> str:
        """Where that file is. Raises KeyError when there is none: a typing error in a template."""
        if name not in self._files:
            raise KeyError(f"no static file {name}")
        return f"/static/{self.hash}/{name}"

    def route(self) -> Route:
        return Route("/static/{hash}/{name:path}", self.serve, methods=["GET", "HEAD"])

    async def serve(self, request: Request) -> Response:
        """The file; an old hash gets today's file, to be asked for again."""
        found = self._files.get(request.path_params["name"])
        if found is None:
            return Response("Not found", 404, media_type="text/plain")
        body, packed, media_type = found
        is_current = request.path_params["hash"] == self.hash
        etag = f'"{self.hash}"'
        headers = {
            "Cache-Control": "public, max-age=31536000, immutable" if is_current else "no-cache",
            "ETag": etag,
            "Vary": "Accept-Encoding",
        }
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers=headers)
        if packed and "gzip" in request.headers.get("accept-encoding", ""):
            headers["Content-Encoding"] = "gzip"
            body = packed
        return Response(body, headers=headers, media_type=media_type)
