"""`./dev screenshots terminal`: the main views of the terminal console as PNG in docs/screenshots, from a cluster with the
sample data. What the application would paint is written as SVG by Textual and drawn by Chromium with the fonts there are.
"""

import asyncio
import re
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import msgspec
from playwright.sync_api import sync_playwright

from tests.web.conftest import CHROMIUM
from tests.web.up import ROOT, stoker_up

FOLDER = ROOT / "docs" / "screenshots"
SIZE = (110, 30)
WIDTH = 1100
"""Of a picture, in pixels."""
WARM_UP_SECONDS = 40
QUERY = 'select partition, count(*) as records, max("timestamp") as newest from "page-views" group by 1 order by 2 desc'
SHOTS = (
    ("pulses", ("pulses",), "stoker-dark", ()),
    ("tail", ("tail", "page-views from=-100"), "stoker-light", ()),
    ("sql", ("sql", QUERY), "stoker-dark", ("f5",)),
    ("laboratory", ("lab", "lost-record"), "stoker-dark", ("B", "t", "t", "t", "t")),
    ("group", ("group", "fraud-check"), "stoker-dark", ()),
    ("record", ("records", "orders"), "stoker-light", ("enter",)),
    ("xray", ("xray",), "stoker-dark", ("down",) * 5 + ("right", "down", "right")),
)
"""Name, place, theme, keys."""


async def svg_of(cluster, place, theme, keys, seconds):
    from console.open_cluster import OpenCluster
    from console.target import find_target
    from tests.tui.fakes import app_of
    from tui.aliases import Place
    from tui.source import Source

    target = msgspec.structs.replace(find_target(bootstrap_server=cluster["bootstrap_servers"]), name="local")
    pids = {int(node): pid for node, pid in cluster["pids"].items()}
    source = Source(OpenCluster(target, face="tui", pids=lambda: pids))
    view, *arguments = place
    app = app_of(source, Place(view, tuple(arguments)), theme=theme)
    async with app.run_test(size=SIZE) as pilot:
        await asyncio.sleep(seconds)
        if keys:
            await pilot.press(*keys)
            await asyncio.sleep(4)
        await pilot.pause()
        return app.export_screenshot(title="stoker tui")


def without_addresses(svg):
    """No font is fetched from anywhere."""
    svg = re.sub(r"@font-face\s*\{.*?\}\s*", "", svg, flags=re.DOTALL)
    return svg.replace("Fira Code", "DejaVu Sans Mono")


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (
        stoker_up("--demo", "--processes") as cluster,
        sync_playwright() as playwright,
        tempfile.TemporaryDirectory() as scratch,
    ):
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        for name, place, theme, keys in SHOTS:
            seconds = WARM_UP_SECONDS if name in ("pulses", "group") else 6
            # Playwright has a loop in this thread: the app gets one of its own.
            svg = in_a_thread(svg_of(cluster, place, theme, keys, seconds))
            path = Path(scratch) / f"{name}.svg"
            path.write_text(without_addresses(svg), encoding="utf-8")
            width, height = (float(each) for each in re.findall(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)[0])
            page.set_viewport_size({"width": WIDTH, "height": round(WIDTH * height / width)})
            page.goto(path.as_uri())
            target = FOLDER / f"terminal-{name}.png"
            page.locator("svg").first.screenshot(path=str(target))
            print(f"{target.relative_to(ROOT)}  {target.stat().st_size // 1024} KiB", flush=True)
        browser.close()


def in_a_thread(work):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as threads:
        return threads.submit(asyncio.run, work).result()


if __name__ == "__main__":
    main()
