"""`./dev screenshots`: the main pages as PNG in docs/screenshots, light and dark, from a cluster with the sample data.

`./dev screenshots sql` takes only that one. The cluster is `stoker up --demo`; it runs long enough for the charts to have something to show.
"""

import sys
import time
from pathlib import Path
from urllib.parse import urlencode

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from playwright.sync_api import sync_playwright

from tests.web.conftest import CHROMIUM
from tests.web.up import ROOT, stoker_up

FOLDER = ROOT / "docs" / "screenshots"
SIZE = {"width": 1280, "height": 800}
WARM_UP_S = 75

QUERY = """select partition, count(*) as records, max("timestamp") as newest
from "page-views"
group by partition
order by records desc"""

SHOTS = (
    ("overview", "/", ("light", "dark")),
    ("topic", "/topics/page-views", ("dark",)),
    ("records", "/topics/page-views/records", ("light",)),
    ("group", "", ("light",)),
    ("sql", f"/sql?{urlencode({'q': QUERY})}", ("dark",)),
    ("laboratory", "/lab/lessons/lost-record", ("light",)),
)
"""Name, address ("": the group that is behind most), schemes."""


def largest_group(page):
    rows = page.request.get("/groups.json").json()["table"]["rows"]
    return max(rows, key=lambda row: row["lag"] or 0)["group_id"]


def solve(page):
    """The lesson, as its keys do it."""
    steps = page.locator(".lab-tasks > li")
    steps.first.wait_for()
    page.keyboard.press("B")
    for number in range(steps.count()):
        page.keyboard.press("t")
        page.locator(f".lab-tasks > li.done >> nth={number}").wait_for(timeout=60_000)


def main():
    wanted = sys.argv[1:]
    with_past = not wanted or not set(wanted) <= {"records", "sql", "laboratory"}
    FOLDER.mkdir(parents=True, exist_ok=True)
    with stoker_up("--demo") as cluster, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        if with_past:
            print(f"waiting {WARM_UP_S} s for something to show", flush=True)
            time.sleep(WARM_UP_S)
        base, _, _ = cluster["web_url"].partition("/?")
        for scheme in ("light", "dark"):
            context = browser.new_context(viewport=SIZE, color_scheme=scheme, base_url=base, reduced_motion="reduce")
            page = context.new_page()
            page.goto(cluster["web_url"])
            for name, path, schemes in SHOTS:
                if scheme not in schemes or (wanted and name not in wanted):
                    continue
                answer = page.goto(path or f"/groups/{largest_group(page)}")
                if answer is None or not answer.ok:
                    print(f"left out: {name}, there is no such page")
                    continue
                if name == "sql":
                    page.locator("[data-plan][data-state=planned]").wait_for()
                    page.locator("textarea").first.focus()
                    page.keyboard.press("Control+Enter")
                    page.locator("#result[data-state=finished]").wait_for()
                if name == "laboratory":
                    solve(page)
                page.wait_for_timeout(4_000)
                page.evaluate("scrollTo(0, 0)")
                target = FOLDER / f"{name}-{scheme}.png"
                page.screenshot(path=str(target))
                print(f"{target.relative_to(ROOT)}  {target.stat().st_size // 1024} KiB", flush=True)
            context.close()
        browser.close()


if __name__ == "__main__":
    main()
