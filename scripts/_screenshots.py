"""
Take the pictures of the dashboard in docs/images: of a keeper that trades on a localnet of its own.

``python -m scripts._screenshots`` takes a minute or two, and needs Debian's chromium and chromium-driver. How long
things took is in the pictures, so the machine should have nothing else to do.
"""

import base64
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from eth_account import Account
from selenium.webdriver import Chrome
from selenium.webdriver.support.ui import WebDriverWait

import localnet
from keeper.config import load_chain
from localnet import TraderSettings, accounts
from scripts._browser import CHROMIUM, DRIVER, WANTED, browser
from scripts._deployment import deploy, rehearsal_roles

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"

#: Name, whether dark, width and height in pixels of the page, and where the picture begins.
_PICTURES = (
    ("dashboard.png", True, 1280, 1240, "body"),
    ("dashboard-light.png", False, 1280, 1000, "#refused-card"),
    ("dashboard-phone.png", True, 390, 1180, "body"),
)

#: Transactions that are to be seen.
_INCLUDED = 40

_PASSPHRASE = "a public test key needs no secret"  # noqa: S105 - which it says


@contextmanager
def _keeper(folder: Path) -> Iterator[str]:
    """A keeper on a localnet; yields where its dashboard is."""
    operator, facts = accounts.public(0), load_chain("arbitrum")
    tokens = tuple(facts.token(symbol) for symbol in facts.profit_tokens)
    keystore = folder / "operator.json"
    keystore.write_text(json.dumps(Account.encrypt(operator.key, _PASSPHRASE, kdf="pbkdf2", iterations=1)))
    with localnet.start(traders=TraderSettings(seed=5)) as net:
        roles = rehearsal_roles(operator.address, accounts.public(9).address, tokens)
        deploy(net.url, operator, roles, "localnet", folder / "deployment.json")
        settings = {
            "KEEPER_RPC_URL": net.url,
            "KEEPER_WS_URL": net.ws_url,
            "KEEPER_STATE_DIR": str(folder),
            "KEEPER_PASSPHRASE": _PASSPHRASE,
            "KEEPER_DEXES_ON": json.dumps(["balancer_v2_stable", "balancer_v3_weighted"]),
        }
        command = [sys.executable, "-m", "keeper", "run", "--keystore", str(keystore), "--log-level", "error"]
        process = subprocess.Popen(command, cwd=ROOT, env=os.environ | settings, stderr=subprocess.PIPE, text=True)
        try:
            assert process.stderr is not None
            said = next((line for line in process.stderr if line.startswith("Dashboard: ")), None)
            if said is None:
                raise SystemExit(f"the keeper ended with {process.wait()}")
            yield said.split()[1].rstrip(",")
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate()


def _take(page: Chrome, name: str, width: int, height: int, start: str) -> None:
    # Nothing that sticks to the window's edge is to stand in the middle of the picture.
    place = "const top = document.querySelector(arguments[0]).getBoundingClientRect().top + scrollY;"
    top = page.execute_script(f"{place} return Math.max(top - 14, 0)", start)
    whole = page.execute_script("return document.documentElement.scrollHeight")
    screen = {"width": width, "height": whole, "deviceScaleFactor": 1, "mobile": width < 500}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    # The charts are drawn for the new height in the next frame.
    page.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")
    clip = {"x": 0, "y": top, "width": width, "height": min(height, whole - top), "scale": 1}
    picture = page.execute_cdp_cmd("Page.captureScreenshot", {"format": "png", "clip": clip})
    (IMAGES / name).write_bytes(base64.b64decode(picture["data"]))


def main() -> None:
    if CHROMIUM is None or DRIVER is None:
        raise SystemExit(WANTED)
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="screenshots-") as folder, _keeper(Path(folder)) as url:
        for n, (name, dark, width, height, start) in enumerate(_PICTURES):
            with browser(Path(folder) / f"profile-{n}", width, 900, dark) as page:
                page.get(url)
                included = "return document.querySelectorAll('#decisions tr[data-outcome=included]').length"
                WebDriverWait(page, 300).until(lambda page: page.execute_script(included) >= _INCLUDED)  # noqa: B023
                _take(page, name, width, height, start)
                print(IMAGES / name)


if __name__ == "__main__":
    main()
