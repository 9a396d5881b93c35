from pathlib import Path
from typing import Any

import pytest

from keeper.config import load_chain, load_settings
from keeper.errors import ConfigError
from keeper.redaction import redact, redact_url
from keeper.texts import to_address


def test_chain__arbitrum__knows_its_tokens() -> None:
    facts = load_chain("arbitrum")

    assert facts.chain_id == 42161
    assert facts.token("WETH") == facts.weth
    assert facts.token_by_address[facts.weth].decimals == 18


def test_chain__unknown__is_refused() -> None:
    with pytest.raises(ConfigError, match="chain 'optimism' is unknown; known are arbitrum"):
        load_chain("optimism")


def test_token__unknown__is_refused() -> None:
    with pytest.raises(ConfigError, match="token 'PEPE' is unknown on Arbitrum One"):
        load_chain("arbitrum").token("PEPE")


def test_settings__file__is_overridden_by_environment_and_by_what_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "keeper.toml"
    file.write_text('rpc_url = "http://file"\nblocks = 1\nmax_hops = 2\n')
    monkeypatch.setenv("KEEPER_BLOCKS", "2")

    settings = load_settings(file, max_hops=3, dry_run=None)

    assert (settings.blocks, settings.max_hops, settings.dry_run) == (2, 3, False)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("rpc_url = 'http://x'\nmin_profit = 3", "min_profit is not a known key"),
        ("blocks = 3", "rpc_url is missing"),
        ("rpc_url = 'http://x'\nmax_hops = 9", "max_hops"),
        ("rpc_url = 'http://x'\ndeny_pools = ['0x12']", "not an address"),
        ("rpc_url = 'http://x'\ncache_policy = 'magic'", "cache_policy"),
        ("rpc_url = 'http://x'\ncache_pools = 0", "cache_pools"),
        ("rpc_url =", "not valid TOML"),
        ("blocks = " + "[" * 5_000, "not valid TOML"),
        ("rpc_url = 'http://x'\nstale_head_seconds = inf", "stale_head_seconds"),
        ("rpc_url = 'http://x'\ndeadline_seconds = 99999999999999", "deadline_seconds"),
        ("rpc_url = 'http://x'\nmin_profit_wei = 19000000000000000000", "min_profit_wei"),
        ("rpc_url = 'http://x'\nmax_base_fee_wei = 1000000000001", "max_base_fee_wei"),
    ],
)
def test_settings__wrong__are_refused_in_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    file = tmp_path / "keeper.toml"
    file.write_text(text)

    with pytest.raises(ConfigError, match=sentence) as refusal:
        load_settings(file)

    assert "\n" not in str(refusal.value)


def test_settings__file_is_no_text__is_refused(tmp_path: Path) -> None:
    file = tmp_path / "keeper.toml"
    file.write_bytes(b"\x7fELF\x02\xd0\xff")

    with pytest.raises(ConfigError, match="keeper.toml is not valid TOML"):
        load_settings(file)


@pytest.mark.parametrize("text", ['["http://x/SECRET"', "[" * 5_000])
def test_settings__variable_is_no_json__is_refused_without_showing_it(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("KEEPER_RPC_URLS", text)

    with pytest.raises(ConfigError, match="KEEPER_RPC_URLS is not JSON") as refusal:
        load_settings(rpc_url="http://x")

    assert "SECRET" not in str(refusal.value)


@pytest.mark.parametrize(
    "given",
    [
        {"rpc_url": "arb.example.com/v2/SECRET"},
        {"rpc_url": "ftp://user:SECRET@arb.example.com"},
        {"rpc_url": "http://arb.example.com:SECRET"},
        {"rpc_url": "http://[::1/SECRET"},
        {"rpc_url": "http://arb.example.com/SECRET "},
        {"rpc_url": ""},
        {"rpc_url": "http://x", "rpc_urls": ["SECRET"]},
        {"rpc_url": "http://x", "ws_url": "https://arb.example.com/SECRET"},
        {"rpc_url": "http://x", "signer_url": "SECRET"},
        {"rpc_url": "http://x", "endpoints": [{"url": "SECRET"}]},
        {"rpc_url": "http://x", "journal_url": ""},
        {"rpc_url": "http://x", "journal_url": "host=db password=SECRET"},
    ],
)
def test_settings__no_url_of_a_node__is_refused_without_showing_it(given: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="it is not the URL of a") as refusal:
        load_settings(**given)

    assert "SECRET" not in str(refusal.value)


def test_settings__misspelt_variable__is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEEPER_MAX_BASE_FEE", "1")

    with pytest.raises(ConfigError, match="KEEPER_MAX_BASE_FEE is not a setting"):
        load_settings(rpc_url="http://x")


def test_settings__shown__hide_the_url() -> None:
    outside = {"slack_url": "http://s/KEY", "webhook_urls": ["http://w/KEY"], "heartbeat_url": "http://h/KEY"}
    settings = load_settings(rpc_url="http://node/KEY", rpc_urls=["http://other/KEY"], **outside)

    assert "KEY" not in repr(settings)
    assert settings.nodes == ("http://node/KEY", "http://other/KEY")


def test_settings__missing_file__is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_settings(tmp_path / "none.toml")


@pytest.mark.parametrize(
    "text", ["0x12", "12" * 21, "0x" + "zz" * 20, "0x_1" + "2" * 38, "0x" + "1" * 39 + " ", "0x" + "1" * 40 + "\n"]
)
def test_address__malformed__is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not an address"):
        to_address(text)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://127.0.0.1:8545", "http://127.0.0.1:8545"),
        ("https://arb.example.com/v2/SECRET", "https://arb.example.com/..."),
        ("https://user:pw@arb.example.com", "https://arb.example.com/..."),
        ("wss://arb.example.com/ws?key=SECRET", "wss://arb.example.com/..."),
    ],
)
def test_redact_url__keeps_host_only(url: str, shown: str) -> None:
    assert redact_url(url) == shown


@pytest.mark.parametrize(
    "text",
    [
        "cannot connect to https://arb.example.com/v2/SECRET, giving up",
        "cannot connect to ftp://user:SECRET@arb.example.com",
        "passphrase: SECRET",
        "private_key=SECRET",
        "Authorization: Bearer SECRET",
        '{"api_key": "SECRET"}',
    ],
)
def test_redact__text_with_secret__loses_it(text: str) -> None:
    assert "SECRET" not in redact(text)


@pytest.mark.parametrize(
    "sentence",
    [
        "token 'USDC' is unknown on Arbitrum One; known are WETH, ARB",
        "wrong passphrase for key file hot.json",
        "node http://127.0.0.1:8545: no answer",
    ],
)
def test_redact__ordinary_sentence__stays(sentence: str) -> None:
    assert redact(sentence) == sentence
