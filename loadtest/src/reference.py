"""What the published reference harness does between an action and the next observation, with Playwright for Python.

Its waits are facts of its published source: every controller call makes the page ready first (0.2 s, then the load state), a click waits a
second for a pop-up, the action is followed by the load state and three seconds, and the step takes two screenshots.
Prints one JSON object: the milliseconds of each step.
"""

import json
import sys
import time

from playwright.sync_api import TimeoutError as PlaywrightTimeout
from playwright.sync_api import sync_playwright

executable, url, steps = sys.argv[1], sys.argv[2], int(sys.argv[3])


def ensure_page_ready(page):
    page.bring_to_front()
    page.set_viewport_size({"width": 1440, "height": 900})
    page.wait_for_timeout(200)
    page.wait_for_load_state(timeout=30_000)


with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=executable, headless=True, args=["--no-sandbox"])
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    page.goto(url)
    buttons = page.locator("button").all()
    spots = [button.bounding_box() for button in buttons]
    spots = [spot for spot in spots if spot and spot["y"] + spot["height"] < 900]
    taken = []
    for step in range(steps):
        spot = spots[step % len(spots)]
        began = time.monotonic()
        ensure_page_ready(page)
        try:
            with page.expect_popup(timeout=1000):
                page.mouse.click(spot["x"] + spot["width"] / 2, spot["y"] + spot["height"] / 2, delay=10)
        except PlaywrightTimeout:
            pass
        page.wait_for_load_state(timeout=60_000)
        page.wait_for_timeout(3000)
        ensure_page_ready(page)
        page.screenshot(timeout=15_000)
        ensure_page_ready(page)
        page.screenshot(timeout=15_000)
        ensure_page_ready(page)
        page.url
        taken.append((time.monotonic() - began) * 1000)
    browser.close()
print(json.dumps({"step_ms": taken}))
