"""
Several keys beside each other: who signs next, gaps, failing signers, keys and executors of before.
"""

from pathlib import Path
from typing import Any

import pytest

from keeper.config import load_settings
from keeper.errors import ChainError, RpcError, SignerError
from keeper.execution.endpoints import RawEndpoint
from keeper.execution.nonces import NonceManager
from keeper.execution.opening import open_operators
from keeper.execution.operators import Caps, Operator, Operators
from keeper.execution.payouts import Payouts
from keeper.execution.signer import Signer
from keeper.execution.submission import Broadcast
from keeper.execution.wire import Unsigned, parse
from keeper.gas import UNITS_PER_BYTE, GasPrices, gas_limit, l1_fee_wei
from keeper.journal import Journal, State
from keeper.types import Address, Hash
from tests.fake_node import FakeNode
from tests.operator_world import (
    CHAIN_ID,
    OPERATOR,
    SIGNERS,
    TRANSACTION,
    TREASURY,
    canonical,
    head,
    journal_at,
    node_at,
    receipt,
    receipts,
    signed,
    transactions_on,
)
from tests.unit.test_journal import EXECUTOR

PRICES = GasPrices(base_fee_wei=20_000_000, tip_wei=0, l1_wei_per_unit=10**8, brotli_level=1)
CAPS = Caps(CHAIN_ID, max_base_fee_wei=10**10, pipeline=2)


class BrokenSigner:
    """Has a key, and does not sign until it is mended."""

    address = SIGNERS[0].address

    def __init__(self) -> None:
        self.broken = True

    async def sign(self, transaction: Unsigned) -> tuple[bytes, Hash]:
        if self.broken:
            raise SignerError("the signer is out of reach")
        return await SIGNERS[0].sign(transaction)


@pytest.fixture
def node() -> FakeNode:
    return node_at(3)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return journal_at(tmp_path / "journal.sqlite")


def operator(node: FakeNode, journal: Journal, signer: Signer) -> Operator:
    nonces = NonceManager(signer.address, on_chain=3)
    return Operator(signer.address, signer, nonces, transactions_on(node, journal, nonces))


@pytest.fixture
def pair(node: FakeNode, journal: Journal) -> list[Operator]:
    return [operator(node, journal, signer) for signer in SIGNERS[:2]]


@pytest.fixture
def operators(node: FakeNode, pair: list[Operator]) -> Operators:
    return Operators(node, Broadcast([RawEndpoint("node", node)]), pair, CAPS)  # type: ignore[arg-type]


def states(journal: Journal, sender: Address = OPERATOR) -> dict[int, list[State]]:
    """The states of each nonce's transactions."""
    found: dict[int, list[State]] = {}
    for entry in journal.entries():
        if entry.transaction.sender == sender:
            found.setdefault(entry.transaction.nonce, []).append(entry.state)
    return found


# -------------------------------------------------------------------- who signs next


async def test_ready__key_with_least_in_flight__and_of_several_the_one_that_signed_least(
    operators: Operators, pair: list[Operator]
) -> None:
    assert operators.ready(head(100)) is pair[0]
    await pair[0].sign(Unsigned(CHAIN_ID, 3, EXECUTOR, b"", 1, 1, 0), 100)
    assert operators.ready(head(100)) is pair[1]
    await pair[1].transactions.send(signed(by=1))

    assert operators.ready(head(100)) is pair[0]


async def test_ready__pipelines_full__nobody(operators: Operators, pair: list[Operator]) -> None:
    for by, one in enumerate(pair):
        for nonce in (3, 4):
            assert operators.ready(head(100)) is not None
            await one.transactions.send(signed(nonce=nonce, by=by))

    assert [one.next_nonce for one in pair] == [5, 5]
    assert operators.ready(head(100)) is None
    assert len(operators.in_flight) == 4


async def test_ready__fate_of_one_unknown__its_key_signs_nothing_and_the_other_goes_on(
    node: FakeNode, operators: Operators, pair: list[Operator]
) -> None:
    node.answers["eth_sendRawTransaction"] = RpcError("context deadline exceeded", -32000)
    await pair[0].transactions.send(TRANSACTION)

    assert operators.ready(head(100)) is pair[1]
    await pair[1].transactions.send(signed(by=1))

    assert operators.ready(head(100)) is None


async def test_ready__silent__nobody(operators: Operators) -> None:
    operators.silent = True

    assert operators.ready(head(100)) is None


async def test_follow__two_keys__each_has_its_own_nonces(
    node: FakeNode, operators: Operators, pair: list[Operator]
) -> None:
    other = signed(by=1)
    await pair[0].transactions.send(TRANSACTION)
    await pair[1].transactions.send(other)
    assert operators.pools_in_flight == set(TRANSACTION.pools)
    node.answers["eth_getTransactionReceipt"] = receipts(receipt(other))

    (outcome,) = await operators.follow(head(101), canonical)

    assert outcome.transaction == other
    assert [one.nonces.next for one in pair] == [3, 4]
    assert operators.unwound(head(100)) == [other.hash]
    assert [one.nonces.next for one in pair] == [3, 3]


# -------------------------------------------------------------------- gaps


async def gap(node: FakeNode, first: Operator) -> None:
    """The lower of two is refused where the node holds the higher one."""
    node.answers["eth_sendRawTransaction"] = RpcError("insufficient funds", -32000)
    await first.transactions.send(TRANSACTION)
    node.answers["eth_sendRawTransaction"] = node_at().answers["eth_sendRawTransaction"]
    await first.transactions.send(signed(nonce=4))


async def test_fill_gaps__nonce_that_is_waited_for__is_used_by_what_does_nothing(
    node: FakeNode, operators: Operators, pair: list[Operator], journal: Journal
) -> None:
    await gap(node, pair[0])
    assert pair[0].gaps == [3]

    await operators.fill_gaps(head(102), PRICES)
    await operators.fill_gaps(head(103), PRICES)  # once is enough

    assert (operators.gaps_found, operators.gaps_filled) == (1, 1)
    assert states(journal) == {3: [State.DROPPED, State.SENT], 4: [State.SENT]}
    (filler,) = (entry.transaction for entry in operators.in_flight if entry.transaction.nonce == 3)
    says, _ = parse(filler.raw)
    assert (says.to, says.data, says.nonce) == (OPERATOR, b"", 3)
    # A signature may compress by a byte more or less than another.
    limit = gas_limit(21_000, l1_fee_wei(filler.raw, PRICES), PRICES)
    assert abs(says.gas_limit - 1 - limit) <= 2 * gas_limit(0, UNITS_PER_BYTE * PRICES.l1_wei_per_unit, PRICES)
    assert (filler.routes, filler.predicted, filler.sibling_of) == ((), (), 1)


async def test_fill_gaps__filled__outcome_is_booked_as_what_did_nothing(
    node: FakeNode, operators: Operators, pair: list[Operator], journal: Journal
) -> None:
    await gap(node, pair[0])
    await operators.fill_gaps(head(102), PRICES)
    (filler,) = (entry.transaction for entry in operators.in_flight if entry.transaction.nonce == 3)
    node.answers["eth_getTransactionReceipt"] = receipts(receipt(filler, to=OPERATOR) | {"logs": []})

    (outcome,) = await operators.follow(head(103), canonical)

    assert outcome.filled_a_gap
    assert outcome.gas_wei > 0
    assert pair[0].nonces.next == 4
    assert states(journal) == {3: [State.DROPPED, State.SOFT], 4: [State.SENT]}


async def test_fill_gaps__filler_is_seen_by_no_node__its_bytes_are_sent_until_a_block_has_them(
    node: FakeNode, operators: Operators, pair: list[Operator]
) -> None:
    await gap(node, pair[0])
    await operators.fill_gaps(head(102), PRICES)
    filler = node.sent[-1]

    for number in range(103, 120):
        await operators.follow(head(number, timestamp=1_900 + 10 * number), canonical)

    assert node.sent.count(filler) > 3


async def test_fill_gaps__filler_refused__the_next_one_has_other_bytes(
    node: FakeNode, operators: Operators, pair: list[Operator], journal: Journal
) -> None:
    await gap(node, pair[0])
    node.answers["eth_sendRawTransaction"] = RpcError("max fee per gas less than block base fee", -32000)

    await operators.fill_gaps(head(102), PRICES)
    await operators.fill_gaps(head(103), PRICES)

    assert states(journal)[3] == [State.DROPPED] * 3
    assert len(set(node.sent)) == len(node.sent) == 4


@pytest.mark.parametrize("why", ["silent", "base fee above the cap"])
async def test_fill_gaps__must_not_send__leaves_it_open(
    node: FakeNode, operators: Operators, pair: list[Operator], why: str
) -> None:
    await gap(node, pair[0])
    operators.silent = why == "silent"
    cap = 1 if why != "silent" else CAPS.max_base_fee_wei
    operators = Operators(node, Broadcast([]), pair, Caps(CHAIN_ID, cap), silent=operators.silent)  # type: ignore[arg-type]

    await operators.fill_gaps(head(102), PRICES)

    assert len(node.sent) == 2


# -------------------------------------------------------------------- signers that fail


async def test_sign__signer_fails_three_times__its_key_rests_and_comes_back(node: FakeNode, journal: Journal) -> None:
    signer = BrokenSigner()
    one = operator(node, journal, signer)
    operators = Operators(node, Broadcast([RawEndpoint("node", node)]), [one], CAPS)  # type: ignore[arg-type]
    asked = Unsigned(CHAIN_ID, 3, EXECUTOR, b"", 1, 1, 0)

    for failures in (1, 2, 3):
        assert operators.ready(head(100)) is one
        with pytest.raises(SignerError):
            await one.sign(asked, 100)
        assert operators.signer_failures == failures
    assert operators.ready(head(219)) is None
    signer.broken = False
    assert operators.ready(head(220)) is one
    await one.sign(asked, 220)

    assert operators.signer_failures == 0


async def test_fill_gaps__signer_fails__is_left_for_another_block(
    node: FakeNode, journal: Journal, pair: list[Operator]
) -> None:
    await gap(node, pair[0])
    pair[0].signer = BrokenSigner()
    operators = Operators(node, Broadcast([RawEndpoint("node", node)]), pair, CAPS)  # type: ignore[arg-type]

    await operators.fill_gaps(head(102), PRICES)

    assert operators.signer_failures == 1
    assert pair[0].gaps == [3]


# -------------------------------------------------------------------- keys and executors of before


async def opened(node: FakeNode, journal: Journal, *signers: Signer, executor: Address = EXECUTOR) -> Operators:
    settings = load_settings(rpc_url="http://x", patience_blocks=10)
    broadcast = Broadcast([RawEndpoint("node", node)])
    payouts = Payouts(node, executor, TREASURY)  # type: ignore[arg-type]
    return await open_operators(node, broadcast, journal, settings, CHAIN_ID, payouts, signers)  # type: ignore[arg-type]


async def test_rotation__former_key_has_something_open__it_is_followed_and_signs_nothing(
    node: FakeNode, journal: Journal, pair: list[Operator]
) -> None:
    await pair[0].transactions.send(TRANSACTION)

    operators = await opened(node, journal, SIGNERS[1])
    await operators.begin(canonical)
    assert {one.address for one in operators} == {SIGNERS[0].address, SIGNERS[1].address}
    assert operators.ready(head(100)).address == SIGNERS[1].address  # type: ignore[union-attr]
    node.answers["eth_getTransactionReceipt"] = receipts(receipt())
    (outcome,) = await operators.follow(head(101), canonical)

    assert (outcome.transaction.sender, outcome.state) == (SIGNERS[0].address, State.SOFT)
    (former,) = (one for one in operators if one.signer is None)
    with pytest.raises(SignerError, match="nobody signs for"):
        await former.sign(Unsigned(CHAIN_ID, 3, EXECUTOR, b"", 1, 1, 0), 101)


async def test_rotation__former_key_was_used_by_hand_since__what_it_left_open_is_given_up(
    node: FakeNode, journal: Journal, pair: list[Operator]
) -> None:
    await pair[0].transactions.send(TRANSACTION)
    # Whoever moved its ether used the nonce that was in flight, and more.
    nonces = {SIGNERS[0].address: 9, SIGNERS[1].address: 3}
    node.answers |= {
        "eth_getTransactionCount": lambda sender, _: hex(nonces[sender]),
        "eth_getTransactionReceipt": None,
        "eth_getTransactionByHash": None,
    }
    operators = await opened(node, journal, SIGNERS[1])
    await operators.begin(canonical)

    outcomes = [outcome for number in range(101, 200) for outcome in await operators.follow(head(number), canonical)]

    assert [(outcome.transaction, outcome.state) for outcome in outcomes] == [(TRANSACTION, State.DROPPED)]
    assert operators.ready(head(200)).address == SIGNERS[1].address  # type: ignore[union-attr]


async def test_rotation__former_key_has_a_gap__nobody_fills_it(
    node: FakeNode, journal: Journal, pair: list[Operator]
) -> None:
    await gap(node, pair[0])
    operators = await opened(node, journal, SIGNERS[1])

    await operators.fill_gaps(head(102), PRICES)

    assert len(node.sent) == 2


async def test_rotation__nothing_open__former_key_is_forgotten(
    node: FakeNode, journal: Journal, pair: list[Operator]
) -> None:
    await pair[0].transactions.send(TRANSACTION)
    node.answers["eth_getTransactionReceipt"] = receipts(receipt())
    await pair[0].transactions.follow(head(101), canonical)

    operators = await opened(node, journal, SIGNERS[1])

    assert [one.address for one in operators] == [SIGNERS[1].address]


async def test_new_executor__what_went_to_the_former_one__is_booked_by_what_that_one_paid(
    node: FakeNode, journal: Journal, pair: list[Operator]
) -> None:
    await pair[0].transactions.send(TRANSACTION)
    former_treasury = Address("0x" + "7e" * 20)
    node.answers["eth_call"] = lambda request, _: "0x" + former_treasury[2:].rjust(64, "0")
    node.answers["eth_getTransactionReceipt"] = receipts(receipt(treasury=former_treasury))

    operators = await opened(node, journal, SIGNERS[0], executor=Address("0x" + "1e" * 20))
    await operators.begin(canonical)
    (outcome,) = await operators.follow(head(101), canonical)

    assert [amount for _, amount in outcome.gains] == [77]
    assert node.calls["eth_call"] == 1


@pytest.mark.parametrize("told", [7, None, ["0x"], "hello", "0xzz", "0x12"])
async def test_new_executor__nobody_tells_whom_the_former_one_pays__is_asked_again(
    node: FakeNode, journal: Journal, pair: list[Operator], told: Any
) -> None:
    await pair[0].transactions.send(TRANSACTION)
    node.answers |= {"eth_call": told, "eth_getTransactionReceipt": receipts(receipt())}
    operators = await opened(node, journal, SIGNERS[0], executor=Address("0x" + "1e" * 20))
    await operators.begin(canonical)

    for _ in range(2):
        with pytest.raises(ChainError, match="treasury of"):
            await operators.follow(head(101), canonical)


# -------------------------------------------------------------------- finality


async def test_follow__now_and_then__asks_which_block_is_final(
    node: FakeNode, operators: Operators, pair: list[Operator], journal: Journal
) -> None:
    await pair[0].transactions.send(TRANSACTION)
    node.answers |= {"eth_getTransactionReceipt": receipts(receipt()), "eth_getTransactionCount": "0x4"}
    pair[1].nonces.used(3)
    await operators.follow(head(101), canonical)

    await operators.follow(head(121), canonical)  # the node knows no such block
    assert journal.entries()[0].state is State.SOFT
    node.finalized = 101
    await operators.follow(head(130), canonical)
    assert journal.entries()[0].state is State.SOFT
    await operators.follow(head(141), canonical)

    assert journal.entries()[0].state is State.FINAL


async def test_follow__node_fails_over_the_next__what_became_of_the_first_is_told_later(
    node: FakeNode, operators: Operators, pair: list[Operator]
) -> None:
    await pair[0].transactions.send(TRANSACTION)
    node.answers |= {"eth_getTransactionReceipt": receipts(receipt(TRANSACTION, number=101))}
    node.broken = {"eth_getTransactionCount"}

    with pytest.raises(RpcError):
        await operators.follow(head(140), canonical)  # audits nonces as well, it has been a while
    assert operators.in_flight == []
    node.broken.clear()

    (outcome,) = await operators.follow(head(141), canonical)
    assert (outcome.transaction, outcome.state) == (TRANSACTION, State.SOFT)
    assert await operators.follow(head(142), canonical) == []
