"""
Anybody does anything in any order: nobody's role changes but by who may change it, and nothing is lost.
"""

from typing import Any

from eth_utils.crypto import keccak
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from keeper.plan import DEXES, Funding, encode
from tests.executor_revm import RevmChain
from tests.executor_routes import can_open
from tests.executor_venues import AAVE, MORPHO, VAULT_V3
from tests.executor_world import (
    MANAGER,
    ONE,
    PLENTY,
    VAULT,
    Reverted,
    World,
    build,
    call,
    cycle,
    flash_pool,
    hop,
    plan,
    words,
)

STEPS = 10_000
_STEPS_OF_A_RUN = 100

#: What strangers and hostile tokens call, with any words for arguments.
SIGNATURES = (
    "execute_two(uint256,uint256,uint256,uint256,uint256)",
    "execute_three(uint256,uint256,uint256,uint256,uint256,uint256)",
    "execute(uint256[])",
    "swap_held(uint256,uint256,address)",
    "uniswapV3SwapCallback(int256,int256,bytes)",
    "pancakeV3SwapCallback(int256,int256,bytes)",
    "algebraSwapCallback(int256,int256,bytes)",
    "uniswapV3FlashCallback(uint256,uint256,bytes)",
    "pancakeV3FlashCallback(uint256,uint256,bytes)",
    "executeOperation(address,uint256,uint256,address,bytes)",
    "onMorphoFlashLoan(uint256,bytes)",
    "unlockCallback(bytes)",
    "onBalancerV3Unlock()",
    "uniswapV2Call(address,uint256,uint256,bytes)",
    "receiveFlashLoan(address[],uint256[],uint256[],bytes)",
    "sweep(address)",
    "transfer_ownership(address)",
    "accept_ownership()",
    "set_guardian(address)",
    "add_operator(address)",
    "remove_operator(address)",
    "pause()",
    "unpause()",
)

_WORLDS: list[tuple[World, Any]] = []
_AMOUNTS = st.integers(1, 10 * ONE)
_PLACES = st.sampled_from(["weth", "usdc", "dai"])


def _world() -> tuple[World, Any]:
    """
    Return a world with a pool of every DEX between any two of four tokens, the last of them hostile; built once.
    """
    if not _WORLDS:
        world = build()
        hostile = world.token("HookTokenMock")
        tokens = world.weth, world.usdc, world.dai, hostile
        rates = iter([(11, 10), (9, 10), (10, 11), (12, 10), (8, 10)] * 6)
        for i, token_in in enumerate(tokens):
            for token_out in tokens[i + 1 :]:
                for dex in DEXES:
                    world.pool(dex, token_in, token_out, next(rates))
        _WORLDS.append((world, hostile))
    return _WORLDS[0]


class Machine(RuleBasedStateMachine):
    """
    The model knows who holds which role; the executor has to agree after every step.
    """

    steps = 0
    successes = 0

    @initialize()
    def begin(self) -> None:
        self.world, self.hostile = _world()
        self.anchor = boa.env.anchor()
        self.anchor.__enter__()
        self.tokens = [self.world.weth, self.world.usdc, self.world.dai, self.hostile]
        self.is_operator, self.is_paused, self.has_swept = True, False, False
        self.last = b""
        self.held = self._holdings()

    def teardown(self) -> None:
        if hasattr(self, "anchor"):
            self.anchor.__exit__(None, None, None)

    @rule(data=st.data(), funding=st.sampled_from(list(Funding)), amount=_AMOUNTS, hops=st.integers(2, 4))
    def operator_runs_a_route(self, data: st.DataObject, funding: Funding, amount: int, hops: int) -> None:
        start = data.draw(st.integers(0, 1))
        others = data.draw(st.permutations([token for i, token in enumerate(self.tokens) if i != start]))
        dexes = data.draw(st.permutations(list(DEXES)))[:hops]
        route = cycle(dexes, [self.tokens[start], *others[: hops - 1]])
        self.last = encode(plan(self.world, route, funding, amount, min_profit=0))
        succeeded = self._try(self.world.operator, self.last)
        Machine.successes += succeeded
        assert not succeeded or (self.is_operator and not self.is_paused)

    @rule(bit=st.integers(0, 255), index=st.integers(0, 4))
    def operator_runs_a_spoilt_program(self, bit: int, index: int) -> None:
        if self.last:
            program = words(self.last)
            program[index] ^= 1 << bit
            self._try(self.world.operator, calldata(program))

    @rule(signature=st.sampled_from(SIGNATURES), tail=st.binary(max_size=256))
    def stranger_calls(self, signature: str, tail: bytes) -> None:
        assert not self._try(self.world.stranger, keccak(text=signature)[:4] + tail)

    @rule()
    def stranger_repeats_a_program(self) -> None:
        if self.last:
            assert not self._try(self.world.stranger, self.last)

    @rule(amount=_AMOUNTS, place=_PLACES)
    def stranger_lends_to_the_executor(self, amount: int, place: str) -> None:
        signature = "flashLoan(address,address[],uint256[],bytes)"
        token = getattr(self.world, place).address
        data = call(signature, self.world.executor.address, [token], [amount], b"")
        assert not self._try(self.world.stranger, data, VAULT)

    @rule(amount=_AMOUNTS, first=st.booleans())
    def stranger_flashes_a_pair_to_the_executor(self, amount: int, first: bool) -> None:
        pair = hop("sushi_v2", self.world.weth, self.world.usdc).pool
        amounts = (amount, 0) if first else (0, amount)
        data = call("swap(uint256,uint256,address,bytes)", *amounts, self.world.executor.address, b"\x01")
        assert not self._try(self.world.stranger, data, pair)

    @rule(amount=_AMOUNTS, place=_PLACES)
    def stranger_donates(self, amount: int, place: str) -> None:
        getattr(self.world, place).mint(self.world.executor, amount)

    @rule(signature=st.sampled_from(SIGNATURES), tail=st.binary(max_size=256))
    def hostile_token_gets_a_hook(self, signature: str, tail: bytes) -> None:
        self.hostile.set_hook(self.world.executor, keccak(text=signature)[:4] + tail)

    @rule()
    def hostile_token_repeats_a_program(self) -> None:
        self.hostile.set_hook(self.world.executor, self.last)

    @rule(amount=_AMOUNTS)
    def hostile_token_borrows_for_the_executor(self, amount: int) -> None:
        signature = "flashLoan(address,address[],uint256[],bytes)"
        data = call(signature, self.world.executor.address, [self.world.weth.address], [amount], b"")
        self.hostile.set_hook(VAULT, data)

    @rule(by_owner=st.booleans())
    def somebody_pauses(self, by_owner: bool) -> None:
        assert self._try(self.world.owner if by_owner else self.world.guardian, call("pause()"))
        self.is_paused = True

    @rule()
    def owner_unpauses(self) -> None:
        assert not self._try(self.world.guardian, call("unpause()"))
        assert self._try(self.world.owner, call("unpause()"))
        self.is_paused = False

    @rule()
    def guardian_dismisses_the_operator(self) -> None:
        data = call("remove_operator(address)", self.world.operator)
        assert self._try(self.world.guardian, data) == self.is_operator
        self.is_operator = False

    @rule()
    def owner_appoints_the_operator(self) -> None:
        data = call("add_operator(address)", self.world.operator)
        assert not self._try(self.world.guardian, data)
        assert self._try(self.world.owner, data) != self.is_operator
        self.is_operator = True

    @rule(place=_PLACES)
    def owner_sweeps(self, place: str) -> None:
        assert self._try(self.world.owner, call("sweep(address)", getattr(self.world, place).address))
        self.has_swept = True

    @invariant()
    def nothing_is_lost_and_roles_are_as_they_should_be(self) -> None:
        if not hasattr(self, "held"):
            return
        Machine.steps += 1
        world, held = self.world, self._holdings()
        for (executor, treasury), (executor_before, treasury_before) in zip(held, self.held, strict=True):
            assert treasury >= treasury_before
            if self.has_swept:
                assert executor + treasury >= executor_before + treasury_before
            else:
                assert executor >= executor_before
        self.held, self.has_swept = held, False
        assert world.executor.owner() == world.owner
        assert world.executor.guardian() == world.guardian
        assert world.executor.operators() == ([world.operator] if self.is_operator else [])
        assert world.executor.paused() == self.is_paused
        assert self.hostile.successes() == 0

    def _holdings(self) -> list[tuple[int, int]]:
        executor, treasury = self.world.executor, self.world.treasury
        return [(token.balanceOf(executor), token.balanceOf(treasury)) for token in self.tokens]

    def _try(self, sender: str, data: bytes, to: str | None = None) -> bool:
        try:
            self.world.send(data, sender, to)
        except Reverted:
            return False
        return True


def run_machine(steps: int, derandomize: bool) -> None:
    """
    Run the machine until it took at least so many steps.
    """
    _world()  # outside of the runs, each of which is undone
    Machine.steps = Machine.successes = 0
    while Machine.steps < steps:
        run_state_machine_as_test(
            Machine,
            settings=settings(
                max_examples=max(1, (steps - Machine.steps) // _STEPS_OF_A_RUN + 1),
                stateful_step_count=_STEPS_OF_A_RUN,
                deadline=None,
                database=None,
                derandomize=derandomize,
                suppress_health_check=list(HealthCheck),
            ),
        )
    assert Machine.successes > steps // 100, "hardly any route succeeded: the machine tests little"


def test_executor__whoever_does_what__loses_nothing() -> None:
    run_machine(STEPS, derandomize=True)
