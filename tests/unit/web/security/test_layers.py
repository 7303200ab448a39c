"""What keeps others out of the console, an attack each. (Hostile payloads in data come with the pages that show them.)"""

import asyncio

import pytest

from console.errors import OperatorError
from tests.unit.web.visitor import Visitor
from web.security.access import TICKET_S, TICKETS_MAX, Tickets, check_auth, is_loopback
from web.security.bounds import REQUESTS_AT_ONCE, BodyBound, Bounds, Rates
from web.security.layers import guarded
from web.security.origin import host_name

TOKEN = "a-token-that-nobody-guesses"


async def inner(scope, receive, send):
    """The application inside: reads the body, answers ok."""
    while True:
        message = await receive()
        if not message.get("more_body"):
            break
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/html")]})
    await send({"type": "http.response.body", "body": b"inside"})


def app(token=TOKEN, host="127.0.0.1", allowed_hosts=(), tickets=None):
    sheet = "/static/x/console.css"
    return guarded(inner, token=token, host=host, allowed_hosts=allowed_hosts, stylesheet=sheet, tickets=tickets)


def run(story):
    return asyncio.run(story)


def cookie_of(answer):
    return answer.header("set-cookie").partition(";")[0]


def signed_in(application):
    visitor = Visitor(application)
    answer = run(visitor.get(f"/?token={TOKEN}"))
    return Visitor(application, headers={"cookie": cookie_of(answer)})


# Whoever has no token


@pytest.mark.parametrize("path", ["/", "/topics", "/topics.json", "/api/sql", "/v3/clusters", "/live", "/metrics"])
def test_nothing_is_told_without_the_token(path):
    answer = run(Visitor(app()).get(path))
    assert answer.status == 401
    assert "inside" not in answer.text


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"])
def test_no_method_gets_around_the_token(method):
    assert run(Visitor(app()).ask(method, "/topics")).status in (401, 403)


@pytest.mark.parametrize("path", ["/healthz", "/static/abc/css/console.css"])
def test_what_tells_nothing_is_open(path):
    assert run(Visitor(app()).get(path)).status == 200


@pytest.mark.parametrize("wrong", ["", "x", TOKEN + "x", TOKEN[:-1], TOKEN.upper(), "%00", "é"])
def test_a_wrong_token_is_refused_and_never_repeated(wrong):
    answer = run(Visitor(app()).get(f"/?token={wrong}"))
    assert answer.status == 401
    assert answer.header("set-cookie") is None
    assert TOKEN not in answer.text


def test_the_token_becomes_a_cookie_that_scripts_and_other_sites_cannot_use_and_leaves_the_address():
    answer = run(Visitor(app()).get(f"/topics?q=a%26b&token={TOKEN}&sort=name"))
    assert answer.status == 303
    assert answer.header("location") == "/topics?q=a%26b&sort=name"
    cookie = answer.header("set-cookie").lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert TOKEN not in cookie


def test_coming_from_another_site_the_cookie_still_arrives_since_our_own_page_leads_on():
    answer = run(
        Visitor(app()).get(f"/?token={TOKEN}", headers={"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"})
    )
    assert answer.status == 200
    assert 'http-equiv="refresh"' in answer.text
    assert TOKEN not in answer.text


def test_the_redirect_never_leads_to_another_host():
    for path in ("//evil.example/", "/%2F/evil.example", "/\\evil.example"):
        answer = run(Visitor(app()).get(f"{path}?token={TOKEN}"))
        assert answer.status == 303
        location = answer.header("location")
        assert location.startswith("/")
        assert not location.startswith(("//", "/\\"))


def test_with_the_cookie_one_is_in():
    application = app()
    assert run(signed_in(application).get("/topics")).text == "inside"


@pytest.mark.parametrize(
    "others",
    ['state={"a": 1, "b": [2]}', "bad name=1", 'open="never closed', "=", "; ;", "x" * 20_000, "é=ü", "a=1; a=2"],
)
def test_cookies_that_other_programs_of_this_machine_set_are_in_nobodys_way(others):
    """Cookies are kept apart by host, not by port."""
    application = app()
    own = signed_in(application).headers["cookie"]
    for line in (f"{others}; {own}", f"{own}; {others}", f"{others};{own};{others}"):
        assert run(Visitor(application, headers={"cookie": line}).get("/topics")).text == "inside"
    assert run(Visitor(application, headers={"cookie": others}).get("/topics")).status == 401
    assert run(Visitor(application, headers={"cookie": own[:-1]}).get("/topics")).status == 401


def test_a_cookie_of_another_console_does_not_fit():
    other = guarded(inner, token="another", host="127.0.0.1", allowed_hosts=(), stylesheet="")
    answer = run(Visitor(other).get("/?token=another"))
    assert run(Visitor(app(), headers={"cookie": cookie_of(answer)}).get("/")).status == 401


def test_programs_send_the_token_as_bearer():
    assert run(Visitor(app()).get("/", headers={"authorization": f"Bearer {TOKEN}"})).status == 200
    assert run(Visitor(app()).get("/", headers={"authorization": "Bearer x"})).status == 401
    assert run(Visitor(app()).get("/", headers={"authorization": TOKEN})).status == 401


def test_a_browser_is_started_with_an_address_that_lets_in_once_and_soon():
    """The address it is started with is for all users of the machine to see (ps)."""
    now = [0.0]
    tickets = Tickets(lambda: now[0])
    application = app(tickets=tickets)
    ticket = tickets.issue()
    first = run(Visitor(application).get(f"/?token={ticket}"))
    assert first.status == 303
    assert run(Visitor(application, headers={"cookie": cookie_of(first)}).get("/")).text == "inside"
    assert run(Visitor(application).get(f"/?token={ticket}")).status == 401
    late = tickets.issue()
    now[0] = TICKET_S + 1
    assert run(Visitor(application).get(f"/?token={late}")).status == 401


def test_a_ticket_is_no_token_for_programs_and_there_are_few():
    tickets = Tickets()
    application = app(tickets=tickets)
    first, *_ = [tickets.issue() for _ in range(TICKETS_MAX + 1)]
    assert run(Visitor(application).get(f"/?token={first}")).status == 401
    ticket = tickets.issue()
    assert run(Visitor(application).get("/", headers={"authorization": f"Bearer {ticket}"})).status == 401
    assert run(Visitor(application).get(f"/?token={ticket}")).status == 303


@pytest.mark.parametrize(("forwarded", "is_secure"), [(None, False), ("http", False), ("https", True)])
def test_the_cookie_is_never_sent_without_tls_where_tls_is_spoken(forwarded, is_secure):
    answer = run(Visitor(app()).get(f"/?token={TOKEN}", headers={"x-forwarded-proto": forwarded}))
    assert ("; secure" in answer.header("set-cookie").lower()) is is_secure


def test_no_auth_is_only_for_this_machine():
    check_auth("none", "127.0.0.1")
    check_auth("none", "::1")
    check_auth("token", "0.0.0.0")
    for host in ("0.0.0.0", "::", "192.168.1.5", "console.example.com", ""):
        with pytest.raises(OperatorError):
            check_auth("none", host)


def test_loopback_is_known():
    assert all(map(is_loopback, ("localhost", "127.0.0.1", "127.1.2.3", "::1", "[::1]")))
    assert not any(map(is_loopback, ("10.0.0.1", "0.0.0.0", "localhost.example.com", "")))


# DNS rebinding


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8080",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "10.0.0.1",
        "127.0.0.1@evil",
        "",
    ],
)
def test_other_names_are_refused_even_with_the_token(host):
    answer = run(Visitor(app(), host=host).get("/", headers={"authorization": f"Bearer {TOKEN}"}))
    assert answer.status == 421


@pytest.mark.parametrize("host", ["localhost", "localhost:8080", "127.0.0.1:8080", "[::1]:8080", "LOCALHOST"])
def test_this_machine_has_several_names(host):
    assert run(Visitor(app(), host=host).get("/", headers={"authorization": f"Bearer {TOKEN}"})).status == 200


def test_names_that_were_allowed_are_answered_and_addresses_where_it_listens_beyond_this_machine():
    application = app(host="0.0.0.0", allowed_hosts=("Console.Example.com",))
    bearer = {"authorization": f"Bearer {TOKEN}"}
    assert run(Visitor(application, host="console.example.com").get("/", headers=bearer)).status == 200
    assert run(Visitor(application, host="192.168.1.5:8080").get("/", headers=bearer)).status == 200
    assert run(Visitor(application, host="evil.example").get("/", headers=bearer)).status == 421


def test_host_headers_are_read_as_browsers_write_them():
    assert host_name("a.example:80") == "a.example"
    assert host_name("[::1]:80") == "::1"
    assert host_name("a/b") is None
    assert host_name("a:b") is None


# CSRF


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999"},  # another port of this machine is the same site
        {"origin": "http://127.0.0.1:8080.evil.example"},
        {"origin": "http://evil.example@127.0.0.1:8080"},
        {"origin": "127.0.0.1:8080"},
        {"origin": ""},
        {"origin": "https://evil.example", "sec-fetch-site": "same-origin"},
        {"origin": "http://127.0.0.1:8080", "sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"origin": "null", "sec-fetch-site": "cross-site"},
        {},
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_no_other_page_changes_anything_with_the_cookie(method, headers):
    application = app()
    visitor = signed_in(application)
    assert run(visitor.ask(method, "/changes", headers=headers)).status == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://127.0.0.1:8080", "sec-fetch-site": "same-origin"},
        {"origin": "http://127.0.0.1:8080"},
        {"sec-fetch-site": "same-origin"},
        {"origin": "null", "sec-fetch-site": "same-origin"},  # Chromium, from a page without referrer
    ],
)
def test_the_consoles_own_pages_change_things(headers):
    application = app()
    assert run(signed_in(application).ask("POST", "/changes", headers=headers)).status == 200


def test_a_program_with_the_token_needs_no_origin_but_a_wrong_one_is_refused():
    bearer = {"authorization": f"Bearer {TOKEN}"}
    assert run(Visitor(app()).ask("POST", "/v3/x", headers=bearer)).status == 200
    assert run(Visitor(app()).ask("POST", "/v3/x", headers={**bearer, "origin": "https://evil.example"})).status == 403


@pytest.mark.parametrize(
    ("forwarded", "origin", "status"),
    [
        ("https", "https://127.0.0.1:8080", 200),
        ("https", "http://127.0.0.1:8080", 403),  # a page that anybody on the way may have made
        (None, "https://127.0.0.1:8080", 200),  # behind a proxy that does not say that it speaks TLS
        (None, "ftp://127.0.0.1:8080", 403),
        (None, "http://[::1", 403),
    ],
)
def test_a_page_without_tls_changes_nothing_where_tls_is_spoken(forwarded, origin, status):
    visitor = signed_in(app())
    answer = run(visitor.ask("POST", "/changes", headers={"origin": origin, "x-forwarded-proto": forwarded}))
    assert answer.status == status


def test_without_auth_other_pages_still_change_nothing():
    application = app(token=None)
    assert run(Visitor(application).ask("POST", "/changes", headers={"origin": "https://evil.example"})).status == 403
    assert run(Visitor(application).ask("POST", "/changes")).status == 200


# CORS, embedding, sniffing


def test_there_is_no_cors():
    application = app()
    visitor = signed_in(application)
    for answer in (
        run(visitor.get("/", headers={"origin": "https://evil.example"})),
        run(
            visitor.ask(
                "OPTIONS", "/", headers={"origin": "https://evil.example", "access-control-request-method": "POST"}
            )
        ),
    ):
        assert not [name for name, _ in answer.headers if name.lower().startswith(b"access-control")]


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "script"},
        {"sec-fetch-site": "same-site", "sec-fetch-mode": "cors"},
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"},
        {"sec-fetch-site": "same-origin", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"},
    ],
)
def test_other_pages_read_and_embed_nothing(headers):
    application = app(token=None)
    assert run(Visitor(application).get("/topics.json", headers=headers)).status == 403


@pytest.mark.parametrize("status", [200, 401, 403, 421])
def test_every_answer_has_the_headers_that_browsers_hold_to(status):
    application = app()
    visitor = signed_in(application)
    answer = {
        200: lambda: run(visitor.get("/")),
        401: lambda: run(Visitor(application).get("/")),
        403: lambda: run(visitor.ask("POST", "/", headers={"origin": "null"})),
        421: lambda: run(visitor.get("/", host="evil.example")),
    }[status]()
    assert answer.status == status
    policy = answer.header("content-security-policy")
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.header("x-content-type-options") == "nosniff"
    assert answer.header("x-frame-options") == "DENY"
    assert answer.header("referrer-policy") == "no-referrer"


def test_websockets_are_refused():
    sent = []

    async def story():
        async def receive():
            return {"type": "websocket.connect"}

        async def send(message):
            sent.append(message)

        scope = {
            "type": "websocket",
            "path": "/",
            "query_string": b"",
            "headers": [(b"host", b"localhost")],
            "scheme": "ws",
        }
        await app()(scope, receive, send)

    run(story())
    assert sent == [{"type": "websocket.close", "code": 1008}]


# Sizes, rates, slow clients


def test_a_body_that_says_it_is_too_large_is_not_read():
    visitor = signed_in(app())
    own = {"sec-fetch-site": "same-origin", "content-length": str(2 * 1024 * 1024)}
    assert run(visitor.ask("POST", "/changes", headers=own)).status == 413
    assert run(visitor.ask("POST", "/topics/x/records", headers=own)).status == 200
    assert run(visitor.ask("POST", "/changes", headers={**own, "content-length": "-1"})).status == 413


def test_a_body_that_grows_too_large_is_cut_off():
    visitor = signed_in(app())
    answer = run(
        visitor.ask("POST", "/changes", headers={"sec-fetch-site": "same-origin"}, chunks=[b"x" * 600_000] * 3)
    )
    assert answer.status == 413


def test_a_body_that_stops_coming_is_given_up():
    async def story():
        async def receive():
            await asyncio.Event().wait()

        sent = []

        async def send(message):
            sent.append(message)

        bounded = Bounds(inner, bound=lambda path: BodyBound(silence_s=0.01))
        await bounded({"type": "http", "path": "/", "method": "POST", "headers": []}, receive, send)
        return sent[0]["status"]

    assert run(story()) == 408


def test_a_client_that_takes_no_answer_is_given_up():
    async def story():
        async def receive():
            return {"type": "http.request", "body": b""}

        async def send(message):
            await asyncio.Event().wait()

        bounded = Bounds(inner, answer_silence_s=0.01)
        await asyncio.wait_for(bounded({"type": "http", "path": "/", "method": "GET", "headers": []}, receive, send), 5)

    run(story())


def test_another_page_that_asks_and_asks_slows_nobody_else_down():
    visitor = signed_in(app())
    flood = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}

    async def story():
        statuses = {(await visitor.get("/", headers=flood)).status for _ in range(int(REQUESTS_AT_ONCE * 1.5))}
        return statuses, (await visitor.get("/")).status

    assert run(story()) == ({403, 429}, 200)


def test_requests_per_second_are_bounded_for_each_client():
    now = [0.0]
    rates = Rates(inner, lambda: now[0], per_second=10, at_once=5)
    assert [rates.take("a") for _ in range(6)] == [True] * 5 + [False]
    assert rates.take("b")
    now[0] = 0.1
    assert rates.take("a")
    assert not rates.take("a")
