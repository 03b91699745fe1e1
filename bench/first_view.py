#!/usr/bin/env python3
"""First view of a page on a slow line: largest paint and layout shift, in Chromium.

    .venv/bin/python bench/first_view.py [--rounds 5] [--page /files/ …] [--chromium PATH]

Serves the database of bench/pages.py with `manage.py up`, and opens each page with an empty
browser cache on a line of 1.6 Mbit/s down, 0.75 Mbit/s up and 150 ms, at 390 and 1280 px.
Largest paint (LCP) and cumulative layout shift (CLS) are the browser's own; medians of rounds.
"""

import argparse
import contextlib
import shutil
import statistics

from pages import Server, fill_database, manage
from playwright.sync_api import sync_playwright

SLOW_LINE = {
    "offline": False,
    "latency": 150,  # ms
    "downloadThroughput": 1.6e6 / 8,  # bytes/s
    "uploadThroughput": 0.75e6 / 8,
}
PAGES = ["/files/", "/sessions/", "/", "/sessions/{session}/"]
WIDTHS = {390: 844, 1280: 800}  # px: height
OBSERVE = """
window.shift = 0; window.paint = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shift += entry.value;
}).observe({type: "layout-shift", buffered: true});
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) window.paint = entry.startTime;
}).observe({type: "largest-contentful-paint", buffered: true});
"""


def view(browser, server, facts, path, width):
    """Return (largest paint in ms, layout shift, bytes received) of a first view."""
    context = browser.new_context(viewport={"width": width, "height": WIDTHS[width]})
    cookie = {"name": "camp_session", "value": facts["log_in"], "url": server.url("/")}
    context.add_cookies([cookie])
    context.add_init_script(OBSERVE)
    page = context.new_page()
    line = context.new_cdp_session(page)
    line.send("Network.enable")
    line.send("Network.emulateNetworkConditions", SLOW_LINE)
    received = []
    line.on("Network.loadingFinished", lambda event: received.append(event["encodedDataLength"]))
    page.goto(server.url(path), wait_until="load")
    page.wait_for_timeout(1500)  # until late shifts are over
    seen = page.evaluate("[window.paint, window.shift]")
    context.close()
    return [*seen, sum(received)]


def main():
    """Measure the pages and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--page", nargs="+", default=PAGES)
    parser.add_argument("--chromium", default=shutil.which("chromium"))
    given = parser.parse_args()
    print("| page | width | largest paint, ms | layout shift | kB received |")
    print("|---|---:|---:|---:|---:|")
    with contextlib.ExitStack() as stack:
        environment, facts = fill_database(stack)
        up = manage("up", "--port", "PORT")
        server = stack.enter_context(Server("Camp", up, environment, "", "/health/live"))
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=given.chromium, args=["--no-sandbox"])
        for path in given.page:
            for width in WIDTHS:
                runs = [
                    view(browser, server, facts, path.format(**facts), width)
                    for _ in range(given.rounds)
                ]
                paint, shift, size = (statistics.median(each) for each in zip(*runs, strict=True))
                print(f"| {path} | {width} | {paint:.0f} | {shift:.3f} | {size / 1000:.0f} |")
        browser.close()


if __name__ == "__main__":
    main()
