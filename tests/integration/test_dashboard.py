"""
The dashboard of a keeper that trades on a localnet, in a real browser.
"""

import json
import signal
import sqlite3
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

import localnet
from localnet import Localnet, TraderSettings
from scripts._browser import CHROMIUM, DRIVER, WANTED, browser, complaints, narrow, requested
from tests.keeper_process import prepared

pytestmark = pytest.mark.skipif(CHROMIUM is None or DRIVER is None, reason=WANTED)

_PATIENCE_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Running:
    """
    A keeper that trades until it is told to stop.
    """

    url: str
    state_dir: Path

    @property
    def token(self) -> str:
        return (self.state_dir / "dashboard.token").read_text().strip()

    def status(self) -> dict[str, Any]:
        with urllib.request.urlopen(self.url + "status", timeout=30) as answer:  # noqa: S310 - it is our own
            status: dict[str, Any] = json.load(answer)
        return status

    def last_decided_on(self) -> int:
        """The last block on which a transaction was planned, according to the journal."""
        with closing(sqlite3.connect(f"file:{self.state_dir / 'journal.sqlite'}?mode=ro", uri=True)) as journal:
            (number,) = journal.execute("SELECT coalesce(max(block_number), 0) FROM transactions").fetchone()
        return int(number)


@pytest.fixture(scope="module")
def net() -> Iterator[Localnet]:
    with localnet.start(traders=TraderSettings(seed=7)) as net:
        yield net


@pytest.fixture(scope="module")
def keeper(net: Localnet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    started = prepared(net, tmp_path_factory.mktemp("keeper"))
    process = started.start(KEEPER_DASHBOARD_PORT="18500")
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("Dashboard: "):
            break
    else:
        pytest.fail(f"the keeper ended with {process.wait()} and told of no dashboard")
    assert "token in" in line  # what is no terminal may be kept: the token is not in it
    yield Running(line.split()[1].rstrip(","), started.state_dir)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    with browser(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


@pytest.fixture
def page(chromium: Chrome, keeper: Running) -> Iterator[Chrome]:
    """The page as of a new tab, of a keeper that trades."""
    chromium.get("about:blank")
    requested(chromium)
    complaints(chromium)
    chromium.get(keeper.url)
    until(chromium, lambda: text(chromium, "state") == "LIVE")
    yield chromium
    if text(chromium, "state") != "LIVE":
        enter(chromium, keeper.token)
        click(chromium, "resume")
        until(chromium, lambda: text(chromium, "state") == "LIVE")
    chromium.execute_script("sessionStorage.clear()")


def texts(page: Chrome, selector: str) -> list[str]:
    """What is shown now, taken at one moment: the page may draw an element anew between two questions about it."""
    told: list[str] = page.execute_script(
        "return [...document.querySelectorAll(arguments[0])].map(found => found.innerText.trim())", selector
    )
    return told


def text(page: Chrome, name: str) -> str:
    (told,) = texts(page, f"#{name}")
    return told


def click(page: Chrome, name: str) -> None:
    page.find_element(By.ID, name).click()


def enter(page: Chrome, token: str) -> None:
    field = page.find_element(By.ID, "token")
    field.clear()
    field.send_keys(token)


def number(page: Chrome, name: str) -> int:
    return int(text(page, name).replace(",", ""))


def until(page: Chrome, condition: Callable[[], object]) -> None:
    WebDriverWait(page, _PATIENCE_SECONDS, poll_frequency=0.1).until(lambda _: condition())


def test_page__blocks_pass__changes_without_being_loaded_again(page: Chrome) -> None:
    page.execute_script("window.loadedOnce = true")
    before = number(page, "block")

    until(page, lambda: number(page, "block") >= before + 5)

    assert page.execute_script("return window.loadedOnce")
    assert text(page, "link") == "live"


def test_page__transactions_are_included__shows_profit_and_what_became_of_each(page: Chrome, keeper: Running) -> None:
    def included() -> list[Any]:
        return page.find_elements(By.CSS_SELECTOR, "#decisions tr[data-outcome=included]")

    until(page, lambda: len(included()) >= 2)

    assert keeper.status()["transactions"]["included"] >= 2
    assert texts(page, "#tile-profit b") != ["0ETH"]
    assert len(page.find_elements(By.CSS_SELECTOR, "#profit path.line")) == 3
    assert {"predicted", "simulated", "realised"} == set(texts(page, "#profit-legend span span"))
    assert len(page.find_elements(By.CSS_SELECTOR, "#route .edge")) >= 2
    assert page.find_elements(By.CSS_SELECTOR, "#latency .fill")
    assert "morpho" in text(page, "lenders") or "aave v3" in text(page, "lenders")
    assert page.find_elements(By.CSS_SELECTOR, "#logs li")


def test_pause__clicked__stops_sending_within_a_block_and_resume_goes_on(page: Chrome, keeper: Running) -> None:
    sent = keeper.status()["transactions"].get("sent", 0)
    until(page, lambda: keeper.status()["transactions"].get("sent", 0) > sent)
    enter(page, keeper.token)

    click(page, "pause")
    until(page, lambda: text(page, "state") == "DEGRADED")

    paused = keeper.status()
    assert paused["reasons"] == {"operator": "paused from the dashboard"}
    at = paused["head"]["number"]
    until(page, lambda: keeper.status()["head"]["number"] >= at + 20)
    # What was being decided on when the button was clicked is the last that was sent: on the block after the last one
    # that was over.
    assert 0 < keeper.last_decided_on() <= at + 1
    before = keeper.status()["transactions"]["sent"]
    assert before <= paused["transactions"]["sent"] + 1
    assert "paused from the dashboard" in text(page, "banner")

    click(page, "resume")
    until(page, lambda: keeper.status()["transactions"]["sent"] > before)

    assert keeper.last_decided_on() > at + 20
    assert keeper.status()["state"] == "LIVE"


@pytest.mark.parametrize("token", ["wrong", "", "\u00e9"])
def test_pause__wrong_token__is_refused(page: Chrome, keeper: Running, token: str) -> None:
    enter(page, token)

    click(page, "pause")
    until(page, lambda: text(page, "answer"))

    assert "token is" in text(page, "answer")
    assert keeper.status()["state"] == "LIVE"
    assert text(page, "state") == "LIVE"


def test_halt__clicked_once__asks_first(page: Chrome, keeper: Running) -> None:
    enter(page, keeper.token)

    click(page, "halt")

    assert text(page, "halt") == "Really halt?"
    assert keeper.status()["state"] == "LIVE"


def test_token__in_the_address__is_taken_and_not_left_in_the_history(page: Chrome, keeper: Running) -> None:
    page.get("about:blank")

    page.get(f"{keeper.url}#{keeper.token}")
    until(page, lambda: text(page, "state") == "LIVE")

    assert page.current_url == keeper.url
    assert page.find_element(By.ID, "token").get_attribute("value") == keeper.token


def test_page__all_of_it__asks_nobody_else_and_has_no_error(page: Chrome, keeper: Running) -> None:
    before = number(page, "block")
    until(page, lambda: number(page, "block") >= before + 3)
    for row in page.find_elements(By.CSS_SELECTOR, "#decisions tr")[:3]:
        row.click()

    asked = {url for url in requested(page) if not url.startswith(("data:", "about:"))}

    assert asked == {keeper.url + path for path in ("", "page.css", "page.js", "events")}
    assert complaints(page) == []


def test_page__phone__is_not_wider_than_its_screen(page: Chrome) -> None:
    with narrow(page, 390):
        until(page, lambda: page.execute_script("return innerWidth") == 390)

        assert page.execute_script("return document.documentElement.scrollWidth") <= 390
