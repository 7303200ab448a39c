"""The overview and the frame of all pages: snippets, theme, width, navigation, and an audit of what one sees."""

import pytest
from playwright.sync_api import expect

PAGES = ("/", "/topics", "/topics-new")


def test_the_snippets_have_the_real_address(page, console):
    page.goto("/")
    page.locator("#snippet-6 summary").click()
    expect(page.locator("#code-6")).to_contain_text(f"kcat -b {console.cluster.bootstrap_servers}")


def test_the_theme_follows_the_system_until_one_chooses(page):
    page.goto("/")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.emulate_media(color_scheme="dark")
    dark = page.evaluate(ground)
    assert dark != light
    page.get_by_role("button", name="Dark or light").click()
    assert page.evaluate(ground) == light
    page.reload()
    assert page.evaluate(ground) == light


@pytest.mark.parametrize("width", [360, 768, 1440, 3840])
@pytest.mark.parametrize("path", PAGES)
def test_nothing_is_wider_than_the_screen(page, path, width):
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(path)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_on_a_phone_the_navigation_opens_and_closes(page):
    page.set_viewport_size({"width": 360, "height": 780})
    page.goto("/")
    expect(page.locator("#nav")).to_be_hidden()
    page.get_by_role("button", name="Navigation").click()
    page.locator("#nav").get_by_role("link", name="Topics").click()
    page.wait_for_url("**/topics")


# What an automated audit of WCAG 2.2 AA looks at, as far as it matters here: contrast, names, labels, order of headings.
AUDIT = """() => {
  const wrong = [];
  const shown = (e) => { const s = getComputedStyle(e); return e.getClientRects().length && s.visibility !== "hidden" && !e.closest(".sr, .skip, [hidden]"); };
  // Any colour the browser computes (oklab, light-dark, ...) as the screen gets it.
  const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d", { willReadFrequently: true });
  const rgba = (text) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = text; canvas.fillRect(0, 0, 1, 1); const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data; return [r, g, b, a / 255]; };
  const light = ([r, g, b]) => { const f = (v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }; return 0.2126 * f(r) + 0.7152 * f(g) + 0.0722 * f(b); };
  const ground = (e) => { for (; e; e = e.parentElement) { const c = rgba(getComputedStyle(e).backgroundColor); if (c[3] > 0.99) return c; } return [255, 255, 255, 1]; };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = walker.nextNode());) {
    const e = node.parentElement;
    if (!node.textContent.trim() || !shown(e) || e.closest("script, style, button:disabled, option")) continue;
    const s = getComputedStyle(e);
    const a = light(rgba(s.color)), b = light(ground(e));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const big = parseFloat(s.fontSize) >= 24 || (parseFloat(s.fontSize) >= 18.66 && Number(s.fontWeight) >= 700);
    if (ratio < (big ? 3 : 4.5)) wrong.push(`contrast ${ratio.toFixed(2)}: ${node.textContent.trim().slice(0, 40)}`);
  }
  const name = (e) => (e.getAttribute("aria-label") || e.textContent || e.title || "").trim();
  for (const e of document.querySelectorAll("a[href], button, summary, [role=button]")) if (shown(e) && !name(e)) wrong.push("no name: " + e.outerHTML.slice(0, 80));
  for (const e of document.querySelectorAll("input:not([type=hidden]), select, textarea")) if (shown(e) && !e.labels?.length && !e.getAttribute("aria-label")) wrong.push("no label: " + e.outerHTML.slice(0, 80));
  for (const e of document.querySelectorAll("svg[role=img]")) if (!e.getAttribute("aria-label")) wrong.push("chart without words");
  const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
  for (const id of new Set(ids.filter((id, i) => ids.indexOf(id) !== i))) wrong.push("id twice: " + id);
  if (document.querySelectorAll("h1").length !== 1) wrong.push("not one h1");
  let level = 0;
  for (const h of document.querySelectorAll("h1,h2,h3,h4")) { const now = Number(h.localName[1]); if (now > level + 1) wrong.push("heading skips: " + h.textContent); level = now; }
  for (const e of document.querySelectorAll("a[href], button, input:not([type=hidden]), summary")) { if (!shown(e)) continue; const r = e.getBoundingClientRect(); if ((r.height < 20 || r.width < 16) && getComputedStyle(e).display !== "inline" && e.type !== "checkbox" && e.type !== "radio") wrong.push("too small: " + e.outerHTML.slice(0, 80)); }
  if (!document.documentElement.lang) wrong.push("no language");
  return wrong;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", PAGES)
def test_pages_pass_the_accessibility_audit(page, path, scheme):
    page.emulate_media(color_scheme=scheme)
    page.goto(path)
    assert page.evaluate(AUDIT) == []
