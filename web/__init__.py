"""The browser face: Starlette, Jinja2, server-sent events and small ES modules of our own, over `console`.

What lives here: pages (`pages/`, one module a page), the HTTP API (`api/`), what keeps people out (`security/`), live
updates (`live/`), templates and static files, and the commands `stoker web` and the console's half of `stoker up`
(`commands.py`). What may not: anything that a terminal would want too (that is `console`'s), third-party JavaScript,
inline scripts and styles, and content from any other host.
"""
