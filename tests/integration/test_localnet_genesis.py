import json

import pytest

import localnet
from localnet import genesis, verify
from localnet.abi import function
from localnet.accounts import OWNER
from localnet.addresses import AAVE_CONFIGURATOR, MULTICALL3, UNISWAP_V3_ROUTER
from localnet.errors import VerificationError


def test_generate__again__gives_the_accounts_that_were_built() -> None:
    """Whoever built the chain that is in the cache, and when."""
    built = genesis.build()

    accounts, layout = genesis.generate()

    assert json.loads(built.path.read_text())["alloc"] == json.loads(json.dumps(accounts))
    assert layout == built.layout


def test_build__nothing_changed__is_taken_from_the_cache() -> None:
    written = genesis.build().path.stat().st_mtime_ns

    assert genesis.build().path.stat().st_mtime_ns == written


def test_start__twice__has_two_genesis_hashes() -> None:
    with localnet.start(sequencer=False) as one, localnet.start(sequencer=False) as other:
        assert one.genesis_hash != other.genesis_hash


def test_verify__fresh_chain__is_what_it_claims() -> None:
    checks = verify.verify()

    verify.require(checks)
    assert len(checks) > 150


@pytest.mark.parametrize("address", [MULTICALL3, UNISWAP_V3_ROUTER])
def test_verify__code_altered__fails_and_names_it(address: str) -> None:
    with localnet.start(sequencer=False) as net:
        code = net.rpc("eth_getCode", address, "latest")
        net.rpc("anvil_setCode", address, code[:-2] + "00")

        checks = verify.examine(net)

    name = next(name for name, place in net.layout.contracts.items() if place == address)
    with pytest.raises(VerificationError, match="code"):
        verify.require(checks)
    assert [check.fact for check in checks if check.found and check.fact.startswith(f"code of {name} ")]


def test_verify__flash_loans_switched_off__fails_and_names_the_reserve() -> None:
    with localnet.start(sequencer=False) as net:
        switch = function("setReserveFlashLoaning(address,bool)")
        data = "0x" + switch.calldata(net.layout.tokens["ARB"].address, False).hex()
        net.rpc("anvil_impersonateAccount", OWNER)
        net.rpc("eth_sendTransaction", {"from": OWNER, "to": AAVE_CONFIGURATOR, "data": data})
        net.mine()

        checks = verify.examine(net)

    with pytest.raises(VerificationError, match="flash loans of ARB is True: found False$"):
        verify.require(checks)
