"""Every address the console has, asked by those who may not: without the token, and from other pages with the cookie."""

import pytest
from starlette.routing import Route

from tests.unit.web.consoles import TOKEN
from tests.unit.web.visitor import Visitor
from web.api.operations import OPERATIONS
from web.pages import PAGES

OPEN = {"/healthz", "/favicon.ico"}
CHANGING = ("POST", "PUT", "PATCH", "DELETE")

pytestmark = pytest.mark.usefixtures("own_home")


def filled(path):
    """An address at that path: `{name}` and `{name:kind}` with something in them."""
    return "/".join("1" if part.startswith("{") else part for part in path.split("/"))


def doors(app):
    """(method, address) of all that is served: pages in every form, operations, streams, static files, and what is not."""
    found = set()
    for route in app.routes:
        if isinstance(route, Route):
            found |= {(method, filled(route.path)) for method in route.methods}
    for page in PAGES:
        for suffix in ("", *(f".{each}" for each in page.suffixes)):
            found |= {(method, filled(page.path) + suffix) for method in page.methods}
    found |= {(each.method, filled(each.path)) for each in OPERATIONS}
    found |= {(method, f"/clusters/local{path}") for method, path in found if not path.startswith("/clusters")}
    found |= {
        ("GET", path) for path in ("/nowhere", "/api", "/v3", "/api/nowhere", "/static", "/.git/config", "//", "/%00")
    }
    return sorted(found)


def test_nobody_without_the_token_gets_further_than_is_it_well(ask):
    async def story(visitor):
        stranger = Visitor(visitor.app)
        asked = doors(visitor.app)
        assert len(asked) > 300
        for number, (method, path) in enumerate(asked):
            stranger.client = f"10.0.0.{number % 250}"  # each may ask so often
            for accept in ("text/html", "application/json", "text/event-stream"):
                answer = await stranger.ask(method, path, headers={"accept": accept})
                if path in OPEN or path.startswith("/static/"):
                    assert answer.status in (200, 308, 404, 405), (method, path)
                    assert "orders" not in answer.text
                else:
                    assert answer.status in (401, 403), (method, path, answer.status)
                assert TOKEN not in answer.text + repr(answer.headers)

    ask(story)


def test_no_other_page_gets_anything_done_at_any_door(ask):
    """With the cookie, as a browser sends it along when SameSite does not hold it back."""

    async def story(visitor):
        first = await Visitor(visitor.app).get(f"/?token={TOKEN}")
        cookie = first.header("set-cookie").partition(";")[0]
        browser = Visitor(visitor.app, headers={"cookie": cookie})
        kinds = (
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "application/json",
        )
        for number, path in enumerate(sorted({path for _, path in doors(visitor.app)})):
            if path in OPEN or path.startswith("/static/"):
                continue
            browser.client = f"10.0.0.{number % 250}"
            for method in CHANGING:
                for kind in kinds:
                    headers = {"content-type": kind, "origin": "https://evil.example", "sec-fetch-site": "cross-site"}
                    answer = await browser.ask(method, path, headers=headers, body=b"{}")
                    assert answer.status == 403, (method, path, kind)

    ask(story)
