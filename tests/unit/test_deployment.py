"""
Where the executor's roles are set, and how its sources are shown to an explorer.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs

import pytest

from scripts._explorer import submit
from scripts._roles import DeploymentError, NetworkRoles, read_section, section_of
from scripts.deploy import _roles

ROOT = Path(__file__).parents[2]
OWNER = "0x" + "0a" * 20
EXECUTOR = "0x" + "0e" * 20


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "deployment.toml"


@pytest.fixture
def form(tmp_path: Path) -> Path:
    path = tmp_path / "verification.json"
    asked = {"compiler": "vyper:0.4.3", "contract": "contracts/Executor.vy:Executor", "constructor_arguments": "00ff"}
    path.write_text(json.dumps(asked | {"standard_json": {"language": "Vyper"}}))
    return path


@pytest.mark.parametrize(
    ("network", "section"),
    [
        (None, "localnet"),
        ("arbitrum:mainnet:node", "arbitrum:mainnet"),
        ("arbitrum:mainnet:http://127.0.0.1:1", "arbitrum:mainnet"),
        ("arbitrum:mainnet-fork:foundry", "arbitrum:mainnet-fork"),
    ],
)
def test_section__of_a_network__is_its_name_without_the_node(network: str | None, section: str) -> None:
    assert section_of(network) == section


def test_configuration__of_several_networks__tells_them_apart(config: Path) -> None:
    config.write_text(f'["a:b"]\nowner = "{OWNER}"\n["c:d"]\noperators = ["{OWNER}"]\nprofit_tokens = ["WETH"]\n')

    assert read_section(config, "a:b").owner == OWNER
    assert read_section(config, "c:d").owner is None
    assert read_section(config, "c:d").operators == (OWNER,)
    assert read_section(config, "e:f").profit_tokens == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('["a:b"]\nowners = "x"\n', r"deployment.toml, \[a:b\]: owners is not a known key"),
        ('["a:b"]\nowner = "x"\n', r"deployment.toml, \[a:b\]: owner .*'x' is not an address"),
        ("[", "deployment.toml is not valid TOML"),
    ],
)
def test_configuration__with_a_fault_anywhere__is_refused(config: Path, text: str, words: str) -> None:
    config.write_text(text)

    with pytest.raises(DeploymentError, match=words):
        read_section(config, "another:network")


def test_configuration__missing__is_refused(config: Path) -> None:
    with pytest.raises(DeploymentError, match="deployment.toml cannot be read"):
        read_section(config, "a:b")


def test_configuration__that_is_committed__is_right_and_names_no_roles() -> None:
    section = read_section(ROOT / "deployment.toml", "arbitrum:mainnet")

    assert section.explorer == "https://arbiscan.io"
    assert section.treasury is section.owner is None


def test_submit__verified_at_last__says_so(form: Path) -> None:
    answers = [_answer("1", "guid-7"), _answer("0", "Pending in queue"), _answer("1", "Pass - Verified")]

    with explorer(answers) as (url, asked):
        told = submit(url, "s3cret", 42161, EXECUTOR, form, pause_seconds=0)

    assert told == "Pass - Verified"
    sent, first, _ = asked
    assert sent["path"] == "/api?chainid=42161"
    assert (sent["action"], sent["codeformat"], sent["compilerversion"]) == (
        "verifysourcecode",
        "vyper-json",
        "vyper:0.4.3",
    )
    assert (sent["contractaddress"], sent["constructorArguments"]) == (EXECUTOR, "00ff")
    assert json.loads(sent["sourceCode"]) == {"language": "Vyper"}
    assert (first["action"], first["guid"]) == ("checkverifystatus", "guid-7")


def test_submit__verified_before__says_so(form: Path) -> None:
    with explorer([_answer("0", "Contract source code already verified")]) as (url, _):
        assert "already verified" in submit(url, "key", 42161, EXECUTOR, form, pause_seconds=0)


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ([("0", "Invalid API Key")], "does not verify the executor: Invalid API Key"),
        ([("1", "guid"), ("0", "Fail - Unable to verify")], "does not verify the executor: Fail - Unable to verify"),
        ([("1", "guid"), *[("0", "Pending in queue")] * 20], "has not verified .* yet"),
    ],
)
def test_submit__not_verified__says_why(form: Path, answers: list[tuple[str, str]], words: str) -> None:
    with (
        explorer([_answer(*answer) for answer in answers]) as (url, _),
        pytest.raises(DeploymentError, match=words),
    ):
        submit(url, "key", 42161, EXECUTOR, form, pause_seconds=0)


@pytest.mark.parametrize("answer", ["[]", "<html>"])
def test_submit__answers_nonsense__is_refused(form: Path, answer: str) -> None:
    with explorer([answer]) as (url, _), pytest.raises(DeploymentError, match="the explorer's API does not answer"):
        submit(url, "key", 42161, EXECUTOR, form, pause_seconds=0)


def test_submit__nobody_there__is_refused_without_the_key(form: Path) -> None:
    with pytest.raises(DeploymentError, match="the explorer's API does not answer") as refused:
        submit("http://127.0.0.1:9/api", "s3cret", 42161, EXECUTOR, form)

    assert "s3cret" not in str(refused.value)


def _answer(status: str, result: str) -> str:
    return json.dumps({"status": status, "message": "", "result": result})


@contextmanager
def explorer(answers: list[str]) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """
    Yield the URL of an API that gives these answers, and what it was asked.
    """
    asked: list[dict[str, str]] = []
    waiting = iter(answers)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            asked.append({"path": self.path} | {key: value[0] for key, value in parse_qs(body).items()})
            answer = next(waiting).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/api", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_roles__rehearsal__what_the_owner_signs_moves_no_nonce_of_an_operator() -> None:
    nothing = dict.fromkeys(("owner", "guardian", "treasury", "operators"))

    roles = _roles(OWNER, True, NetworkRoles(), (), nothing)

    assert (roles.owner, roles.guardian) == (OWNER, OWNER)
    assert {roles.owner, roles.guardian, roles.treasury}.isdisjoint(roles.operators)


def test_roles__file_is_no_text__is_refused(config: Path) -> None:
    config.write_bytes(b"\x7fELF\xd0")

    with pytest.raises(DeploymentError, match="deployment.toml is not valid TOML"):
        read_section(config, "localnet")
