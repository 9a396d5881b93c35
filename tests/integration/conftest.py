"""
What several files stand on: a localnet with the executor, each time as it was at the start; one with traders, where
keepers are processes of their own; and one on which a keeper could start.
"""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

import localnet
from localnet import Localnet, TraderSettings
from tests import real_world
from tests.executor_artifact import artifact
from tests.keeper_place import Place
from tests.keeper_process import KeeperProcess, prepared
from tests.real_world import World

#: For accounts with delegated code, which Arbitrum One has since ArbOS 40. Gas, which others measure, costs less there.
HARDFORK = "prague"


@pytest.fixture(scope="session")
def standing_world() -> Iterator[World]:
    world = real_world.start(artifact(), HARDFORK)
    yield world
    world.net.stop()


@pytest.fixture
def world(standing_world: World) -> Iterator[World]:
    with standing_world.undone():
        yield standing_world


@pytest.fixture(scope="module")
def net() -> Iterator[Localnet]:
    """With traders; a file that needs another has one of its own."""
    with localnet.start(traders=TraderSettings(seed=5)) as net:
        yield net


@pytest.fixture(scope="module")
def keeper(net: Localnet, tmp_path_factory: pytest.TempPathFactory) -> KeeperProcess:
    return prepared(net, tmp_path_factory.mktemp("keeper"))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with localnet.start() as net:
        keeper = prepared(net, tmp_path_factory.mktemp("doctor"))
        keeper.keystore.chmod(0o600)
        yield Place(net, keeper)


@pytest.fixture
def posted() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A receiver of alerts: its URL, and what it got."""
    taken: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/SECRET", taken
    server.shutdown()
    server.server_close()
