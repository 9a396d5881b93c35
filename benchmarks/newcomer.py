"""
From nothing to the first profit on the page: a clone into a new folder, an empty home, ``make keeper``, a browser.

What was installed before is not used: no package, no compiled search, no chain that was generated, no browser profile.
Packages come from wherever pip and npm are set up to get them, so that a slow network is in the figure.
"""

import argparse
import os
import re
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from selenium.webdriver.support.ui import WebDriverWait

from benchmarks._machine import machine
from scripts._browser import CHROMIUM, DRIVER, WANTED, browser

ROOT = Path(__file__).parents[1]
#: What a newcomer's shell has, besides how the machine gets packages.
_KEPT = re.compile(
    r"PIP_(?!CACHE|TARGET|PREFIX)|NPM_|npm_config_(?!cache)|.*_PROXY$|.*_proxy$|SSL_|REQUESTS_CA|NODE_EXTRA|LANG$"
)
_PATH = os.pathsep.join([str(Path(sys.base_prefix) / "bin"), "/usr/local/bin:/usr/bin:/bin"])

#: An included transaction with what it made, as the page has them.
_INCLUDED = r"""
    const row = document.querySelector('#decisions tr[data-outcome=included]');
    return row && [...row.cells].map(cell => cell.innerText.trim().replace(/\s+/g, ' ')).join(' | ');
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seconds", type=float, default=900, help="give up after so many")


def run(options: argparse.Namespace) -> dict[str, Any]:
    if CHROMIUM is None or DRIVER is None:
        raise SystemExit(WANTED)
    with TemporaryDirectory(prefix="newcomer-") as scratch:
        folder, home = Path(scratch) / "flashkeeper", Path(scratch) / "home"
        home.mkdir()
        began = time.perf_counter()
        subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(folder)], check=True)
        cloned = time.perf_counter()
        with _keeper(folder, home) as process:
            url = _dashboard(process, began + options.seconds)
            told = time.perf_counter()
            with browser(Path(scratch) / "profile") as page:
                page.get(url)
                opened = time.perf_counter()
                left = began + options.seconds - opened
                row = WebDriverWait(page, left, 0.1).until(lambda page: page.execute_script(_INCLUDED))
                seen = time.perf_counter()
    return {
        "commit": subprocess.check_output(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, text=True).strip(),
        "machine": machine(),
        "clone_seconds": round(cloned - began, 1),
        "dashboard_seconds": round(told - began, 1),
        "page_seconds": round(opened - began, 1),
        "first_profit_seconds": round(seen - began, 1),
        "first_profit": row,
    }


def lines(results: Mapping[str, Any]) -> Iterator[str]:
    for name, value in results.items():
        yield f"{name:<22} {value}"


@contextmanager
def _keeper(folder: Path, home: Path) -> Iterator["subprocess.Popen[str]"]:
    kept = {name: value for name, value in os.environ.items() if _KEPT.match(name)}
    process = subprocess.Popen(
        ["make", "keeper"],
        cwd=folder,
        env=kept | {"HOME": str(home), "PATH": _PATH},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        # As Ctrl-C does at a terminal: everything that `make` started.
        os.killpg(process.pid, signal.SIGINT)
        try:
            process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


def _dashboard(process: "subprocess.Popen[str]", until: float) -> str:
    """Return the address that the keeper prints."""
    assert process.stdout is not None
    said = ""
    with selectors.DefaultSelector() as ready:
        ready.register(process.stdout, selectors.EVENT_READ)
        while (left := until - time.perf_counter()) > 0 and ready.select(left):
            line = process.stdout.readline()
            if not line:
                raise SystemExit(f"make keeper ended: {said[-2_000:]}")
            said += line
            if found := re.search(r"Dashboard: (http://\S+?),", line):
                return found[1]
    raise SystemExit(f"no dashboard in time: {said[-2_000:]}")
