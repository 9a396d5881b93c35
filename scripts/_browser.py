"""
A real browser, headless, that asks nobody but the pages it is told to open.
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium.webdriver import Chrome, ChromeOptions, ChromeService

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")

#: What a test that needs one says where there is none.
WANTED = "needs Debian's chromium and chromium-driver"

_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "about:blank",
    # Not a name is looked up: a page that wants another host fails, and is seen to have tried.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


@contextmanager
def browser(
    profile: Path, width: int = 1280, height: int = 900, dark: bool = True, zoom: float = 1
) -> Iterator[Chrome]:
    """
    Start a browser whose window shows so many pixels of a page.

    Args:
        profile: An empty directory.
    """
    options = ChromeOptions()
    options.binary_location = CHROMIUM or ""
    for flag in (*_FLAGS, f"--user-data-dir={profile}", f"--window-size={width},{height}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    driver = Chrome(options=options, service=ChromeService(DRIVER))
    try:
        # Windows are not narrower than 500 pixels; screens may be.
        screen = {"width": width, "height": height, "deviceScaleFactor": zoom, "mobile": width < 500}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        yield driver
    finally:
        driver.quit()


def requested(driver: Chrome) -> list[str]:
    """
    Return the address of everything that pages asked for since this was asked last.
    """
    messages = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    return [
        message["params"]["request"]["url"] for message in messages if message["method"] == "Network.requestWillBeSent"
    ]


def complaints(driver: Chrome) -> list[str]:
    """
    Return the errors in the browser's console since this was asked last: of scripts, and of the page's own policy.
    """
    return [entry["message"] for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]


@contextmanager
def narrow(driver: Chrome, width: int) -> Iterator[None]:
    """
    Have the screen be a phone's for a while.
    """
    screen = {"width": width, "height": 844, "deviceScaleFactor": 2, "mobile": True}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    try:
        yield
    finally:
        driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
