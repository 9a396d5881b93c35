from typing import Any

import pytest
from eth_utils.crypto import keccak

from keeper.errors import MalformedLog
from keeper.events import (
    TOPICS,
    BalancerBalancesChanged,
    BalancerSwap,
    Sync,
    V3Burn,
    V3Mint,
    V3SetFeeProtocol,
    V3Swap,
    decode,
    decode_each,
    speakers,
)
from keeper.types import Address

POOL = Address("0x" + "ab" * 20)

PAIR_CREATED = "PairCreated(address,address,address,uint256)"
SYNC = "Sync(uint112,uint112)"
V2_SWAP = "Swap(address,uint256,uint256,uint256,uint256,address)"
POOL_CREATED = "PoolCreated(address,address,uint24,int24,address)"
INITIALIZE = "Initialize(uint160,int24)"
V3_SWAP = "Swap(address,address,int256,int256,uint160,uint128,int24)"
PANCAKE_SWAP = "Swap(address,address,int256,int256,uint160,uint128,int24,uint128,uint128)"
MINT = "Mint(address,address,int24,int24,uint128,uint256,uint256)"
BURN = "Burn(address,int24,int24,uint128,uint256,uint256)"
SET_FEE_PROTOCOL = "SetFeeProtocol(uint8,uint8,uint8,uint8)"
PANCAKE_SET_FEE_PROTOCOL = "SetFeeProtocol(uint32,uint32,uint32,uint32)"
CURVE_EXCHANGE = "TokenExchange(address,int128,uint256,int128,uint256)"
CURVE_CHANGES = (
    *(f"AddLiquidity(address,uint256[{n}],uint256[{n}],uint256,uint256)" for n in (2, 3, 4)),
    *(f"RemoveLiquidity(address,uint256[{n}],uint256[{n}],uint256)" for n in (2, 3, 4)),
    *(f"RemoveLiquidityImbalance(address,uint256[{n}],uint256[{n}],uint256,uint256)" for n in (2, 3, 4)),
    "RemoveLiquidityOne(address,uint256,uint256,uint256)",
    "RampA(uint256,uint256,uint256,uint256)",
    "StopRampA(uint256,uint256)",
    "NewFee(uint256,uint256)",
)
CURVE_NG_CHANGES = (
    "AddLiquidity(address,uint256[],uint256[],uint256,uint256)",
    "RemoveLiquidity(address,uint256[],uint256[],uint256)",
    "RemoveLiquidityImbalance(address,uint256[],uint256[],uint256,uint256)",
    "RemoveLiquidityOne(address,int128,uint256,uint256,uint256)",
    "ApplyNewFee(uint256,uint256)",
)
CURVE_CRYPTO = (
    "TokenExchange(address,uint256,uint256,uint256,uint256)",
    "TokenExchange(address,uint256,uint256,uint256,uint256,uint256,uint256)",
    "AddLiquidity(address,uint256[3],uint256,uint256)",
    *(f"AddLiquidity(address,uint256[{n}],uint256,uint256,uint256)" for n in (2, 3)),
    *(f"RemoveLiquidity(address,uint256[{n}],uint256)" for n in (2, 3)),
    "RemoveLiquidityOne(address,uint256,uint256,uint256,uint256,uint256)",
    "RampAgamma(uint256,uint256,uint256,uint256,uint256,uint256)",
    "StopRampA(uint256,uint256,uint256)",
    *(f"NewParameters({','.join(['uint256'] * n)})" for n in (6, 7)),
    "ClaimAdminFee(address,uint256)",
    "ClaimAdminFee(address,uint256[2])",
)
CAMELOT_FEE_PERCENT = "FeePercentUpdated(uint16,uint16)"
CAMELOT_STABLE_SWAP = "SetStableSwap(bool,bool)"
CAMELOT_V3_FEE = "Fee(uint16,uint16)"
BALANCER_SWAP = "Swap(bytes32,address,address,uint256,uint256)"
BALANCER_JOIN_OR_EXIT = "PoolBalanceChanged(bytes32,address,address[],int256[],uint256[])"
BALANCER_SWAP_FEE = "SwapFeePercentageChanged(uint256)"
BALANCER_PAUSED = "PausedStateChanged(bool)"
BALANCER_V3 = (
    "Swap(address,address,address,uint256,uint256,uint256,uint256)",
    "SwapFeePercentageChanged(address,uint256)",
    "LiquidityAdded(address,address,uint8,uint256,uint256[],uint256[])",
    "LiquidityRemoved(address,address,uint8,uint256,uint256[],uint256[])",
    "AggregateSwapFeePercentageChanged(address,uint256)",
    "PoolPausedStateChanged(address,bool)",
    "PoolRecoveryModeStateChanged(address,bool)",
    "AmpUpdateStarted(uint256,uint256,uint256,uint256)",
    "AmpUpdateStopped(uint256)",
)
V4_INITIALIZE = "Initialize(bytes32,address,address,uint24,int24,address,uint160,int24)"
V4_SWAP = "Swap(bytes32,address,int128,int128,uint160,uint128,int24,uint24)"
V4_MODIFY_LIQUIDITY = "ModifyLiquidity(bytes32,address,int24,int24,int256,bytes32)"
V4_PROTOCOL_FEE = "ProtocolFeeUpdated(bytes32,uint24)"


def word(value: int) -> str:
    return (value % 2**256).to_bytes(32).hex()


def token(n: int) -> Address:
    return Address(f"0x{n:040x}")


def log(signature: str, topics: list[int], data: list[int]) -> dict[str, Any]:
    return {
        "address": POOL,
        "topics": ["0x" + keccak(text=signature).hex(), *("0x" + word(topic) for topic in topics)],
        "data": "0x" + "".join(map(word, data)),
        "blockNumber": "0x10",
        "logIndex": "0x2",
        "removed": False,
    }


def test_topics__every_hash__is_its_signature() -> None:
    signatures = (
        PAIR_CREATED, SYNC, V2_SWAP, POOL_CREATED, INITIALIZE, V3_SWAP, PANCAKE_SWAP, MINT, BURN,
        SET_FEE_PROTOCOL, PANCAKE_SET_FEE_PROTOCOL, CURVE_EXCHANGE, *CURVE_CHANGES,
        *CURVE_NG_CHANGES, *CURVE_CRYPTO, CAMELOT_FEE_PERCENT, CAMELOT_STABLE_SWAP, CAMELOT_V3_FEE,
        BALANCER_SWAP, BALANCER_JOIN_OR_EXIT, BALANCER_SWAP_FEE, BALANCER_PAUSED, *BALANCER_V3,
        V4_INITIALIZE, V4_SWAP, V4_MODIFY_LIQUIDITY, V4_PROTOCOL_FEE,
    )  # fmt: skip

    assert set(TOPICS) == {"0x" + keccak(text=signature).hex() for signature in signatures}


def test_decode__sync__reserves() -> None:
    assert decode(log(SYNC, [], [2**112 - 1, 7])) == Sync(POOL, 2**112 - 1, 7)


def test_decode__negative_words__are_signed() -> None:
    swap = log(V3_SWAP, [1, 2], [-5, 4, 2**160 - 1, 2**128 - 1, -887_272])

    assert decode(swap) == V3Swap(POOL, -5, 4, 2**160 - 1, 2**128 - 1, -887_272)


def test_decode__swap_of_pancake__is_a_v3_swap() -> None:
    swap = log(PANCAKE_SWAP, [1, 2], [-5, 4, 2**96, 9, -1, 77, 88])

    assert decode(swap) == V3Swap(POOL, -5, 4, 2**96, 9, -1)


def test_decode__mint_and_burn__ticks_from_topics() -> None:
    assert decode(log(MINT, [1, -60, 60], [1, 10, 2, 3])) == V3Mint(POOL, -60, 60, 10, 2, 3)
    assert decode(log(BURN, [1, -60, 60], [10, 2, 3])) == V3Burn(POOL, -60, 60, 10, 2, 3)


@pytest.mark.parametrize("signature", [SET_FEE_PROTOCOL, PANCAKE_SET_FEE_PROTOCOL])
def test_decode__set_fee_protocol__latest_shares(signature: str) -> None:
    assert decode(log(signature, [], [1, 2, 3, 4])) == V3SetFeeProtocol(POOL, 3, 4)


def test_decode__balancer_swap__pool_is_the_beginning_of_its_id() -> None:
    swap = log(BALANCER_SWAP, [0xCC << 248 | 7, 1, 2], [5, 4])

    assert decode(swap) == BalancerSwap(Address("0xcc" + "00" * 19), POOL, token(1), token(2), 5, 4)


def test_decode__balancer_join__deltas_less_what_the_protocol_took() -> None:
    join = log(BALANCER_JOIN_OR_EXIT, [0, 9], [96, 192, 288, 2, 1, 2, 2, 50, -60, 2, 5, 6])

    assert decode(join) == BalancerBalancesChanged(token(0), POOL, (token(1), token(2)), (45, -66))


@pytest.mark.parametrize(
    "data", [[96, 192, 288, 2, 1, 2, 2, 50, -60, 2, 5], [96, 192, 287, 2, 1, 2, 2, 50, -60, 2, 5, 6], [96], []]
)
def test_decode__balancer_join_with_crooked_arrays__is_malformed(data: list[int]) -> None:
    with pytest.raises(MalformedLog):
        decode(log(BALANCER_JOIN_OR_EXIT, [0, 9], data))


def test_decode__address_with_checksum__is_lowered() -> None:
    raw = log(SYNC, [], [1, 2]) | {"address": "0x" + "AB" * 20}

    assert decode(raw) == Sync(POOL, 1, 2)


def test_decode__foreign_topic_or_none__is_none() -> None:
    assert decode(log("Transfer(address,address,uint256)", [1, 2], [3])) is None
    assert decode(log(SYNC, [], [1, 2]) | {"topics": []}) is None


@pytest.mark.parametrize(
    ("signature", "topics", "data"),
    [
        (PAIR_CREATED, [1, 2], [2**160, 1]),
        (SYNC, [], [2**112, 1]),
        (SYNC, [], [1, 2**112]),
        (POOL_CREATED, [1, 2, 2**24], [10, 3]),
        (POOL_CREATED, [1, 2, 500], [2**23, 3]),
        (INITIALIZE, [], [2**160, 0]),
        (INITIALIZE, [], [1, -(2**23) - 1]),
        (V3_SWAP, [1, 2], [-1, 1, 2**160, 1, 1]),
        (V3_SWAP, [1, 2], [-1, 1, 1, 2**128, 1]),
        (V3_SWAP, [1, 2], [-1, 1, 1, 1, 2**23]),
        (MINT, [1, 2**23, 60], [1, 1, 1, 1]),
        (MINT, [1, 0, 60], [1, 2**128, 1, 1]),
        (BURN, [1, 0, 60], [2**128, 1, 1]),
        (SET_FEE_PROTOCOL, [], [1, 1, 1, 2**32]),
    ],
)
def test_decode__value_out_of_its_type__is_malformed(signature: str, topics: list[int], data: list[int]) -> None:
    with pytest.raises(MalformedLog, match="^log 2 of block 16 cannot be decoded: .* exceeds u?int"):
        decode(log(signature, topics, data))


@pytest.mark.parametrize(
    ("signature", "topics", "words"),
    [
        (PAIR_CREATED, 2, 2), (SYNC, 0, 2), (V2_SWAP, 2, 4), (POOL_CREATED, 3, 2), (INITIALIZE, 0, 2), (V3_SWAP, 2, 5),
        (PANCAKE_SWAP, 2, 7), (MINT, 3, 4), (BURN, 3, 3), (SET_FEE_PROTOCOL, 0, 4), (PANCAKE_SET_FEE_PROTOCOL, 0, 4),
    ],
)  # fmt: skip
def test_decode__one_topic_or_word_more_or_less__is_malformed(signature: str, topics: int, words: int) -> None:
    assert decode(log(signature, [1] * topics, [1] * words)) is not None
    for more_topics, more_words in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        if topics + more_topics >= 0:
            with pytest.raises(MalformedLog, match="^log 2 of block 16 cannot be decoded: "):
                decode(log(signature, [1] * (topics + more_topics), [1] * (words + more_words)))


@pytest.mark.parametrize(
    "broken",
    [
        {"data": "0x" + "zz" * 64},
        {"data": "0x" + word(1) + word(1)[:-1]},
        {"data": "0x" + word(1) + " " + word(1)[:-1]},
        {"data": word(1) + word(1)},
        {"data": None},
        {"address": None},
        {"topics": None},
        {"topics": [["0x"]]},
        {"topics": 7},
    ],
)
def test_decode__not_a_log__is_malformed(broken: dict[str, Any]) -> None:
    with pytest.raises(MalformedLog):
        decode(log(SYNC, [], [1, 2]) | broken)


def test_decode__field_missing__is_malformed() -> None:
    raw = log(SYNC, [], [1, 2])
    for field in ("address", "topics", "data"):
        with pytest.raises(MalformedLog):
            decode({name: value for name, value in raw.items() if name != field})


def test_decode__log_without_a_number__is_still_named() -> None:
    with pytest.raises(MalformedLog, match="^a log cannot be decoded: "):
        decode({"topics": ["0x" + keccak(text=SYNC).hex()], "data": "0x"})


def test_decode_each__one_is_malformed__is_refused_and_costs_no_other() -> None:
    whole, foreign = log(SYNC, [], [1, 2]), log("Foreign()", [], [])
    broken = {**whole, "data": whole["data"][:-2]}
    refused: list[tuple[Any, str]] = []

    events = decode_each(
        [whole, broken, foreign, log(SYNC, [], [3, 4])], lambda log, error: refused.append((log, str(error)))
    )

    assert events == [Sync(POOL, 1, 2), Sync(POOL, 3, 4)]
    ((culprit, words),) = refused
    assert culprit is broken
    assert "cannot be decoded" in words


def test_speakers__vault_and_pool__are_pools_with_the_places_of_their_transactions() -> None:
    of_vault = log(BALANCER_SWAP, [0xCC << 248 | 7, 1, 2], [5, 4]) | {"address": token(9), "transactionIndex": "0x3"}
    of_pool = log(SYNC, [], [1, 2]) | {"transactionIndex": "0x10"}
    logs = [of_vault, of_pool]

    spoke = speakers(logs, [event for each in logs if (event := decode(each)) is not None])

    assert spoke == {(Address("0xcc" + "00" * 19), 3), (POOL, 16)}
