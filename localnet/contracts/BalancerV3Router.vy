# pragma version 0.4.3
"""
@title BalancerV3Router
@notice Initialises and swaps on pools of Balancer V3, paid by the caller: the real routers need Permit2's sources, which
        no small package has.
@dev It belongs to the localnet. The Vault calls back whoever unlocks it, with what that one gave it, so that hooks can
     only be reached through this contract's own calls.
"""


from ethereum.ercs import IERC20


struct VaultSwapParams:
    kind: uint8
    pool: address
    token_in: address
    token_out: address
    amount_given: uint256
    limit: uint256
    user_data: Bytes[1]

interface IVault:
    def unlock(data: Bytes[1024]) -> Bytes[32]: nonpayable
    def quote(data: Bytes[1024]) -> Bytes[32]: nonpayable
    def settle(token: address, amount_hint: uint256) -> uint256: nonpayable
    def sendTo(token: address, to: address, amount: uint256): nonpayable
    def swap(params: VaultSwapParams) -> (uint256, uint256, uint256): nonpayable
    def initialize(
        pool: address,
        to: address,
        tokens: DynArray[address, 8],
        amounts: DynArray[uint256, 8],
        minimum: uint256,
        user_data: Bytes[1],
    ) -> uint256: nonpayable


EXACT_IN: constant(uint8) = 0

VAULT: immutable(IVault)


@deploy
def __init__(vault: address):
    VAULT = IVault(vault)


@external
def initialize(pool: address, tokens: DynArray[address, 8], amounts: DynArray[uint256, 8]):
    """
    @notice Makes the first deposit; the caller receives the shares.
    """
    extcall VAULT.unlock(
        abi_encode(
            msg.sender,
            pool,
            tokens,
            amounts,
            method_id=method_id("initialize_hook(address,address,address[],uint256[])"),
        )
    )


@external
def swap(pool: address, token_in: address, token_out: address, amount: uint256) -> uint256:
    """
    @notice Sells *amount*; what comes out goes to the caller.
    @return What came out.
    """
    answer: Bytes[32] = extcall VAULT.unlock(
        abi_encode(
            msg.sender,
            pool,
            token_in,
            token_out,
            amount,
            method_id=method_id("swap_hook(address,address,address,address,uint256)"),
        )
    )
    return convert(answer, uint256)


@external
def query(pool: address, token_in: address, token_out: address, amount: uint256) -> uint256:
    """
    @notice What `swap` would return; only in a call that is no transaction, from nobody.
    """
    answer: Bytes[32] = extcall VAULT.quote(
        abi_encode(
            pool,
            token_in,
            token_out,
            amount,
            method_id=method_id("query_hook(address,address,address,uint256)"),
        )
    )
    return convert(answer, uint256)


@external
def initialize_hook(payer: address, pool: address, tokens: DynArray[address, 8], amounts: DynArray[uint256, 8]):
    """
    @notice Deposits and pays, while the Vault is unlocked.
    """
    self._check_caller()
    extcall VAULT.initialize(pool, payer, tokens, amounts, 0, b"")
    for k: uint256 in range(len(tokens), bound=8):
        self._pay(payer, tokens[k], amounts[k])


@external
def swap_hook(payer: address, pool: address, token_in: address, token_out: address, amount: uint256) -> uint256:
    """
    @notice Swaps, pays and takes, while the Vault is unlocked.
    """
    self._check_caller()
    bought: uint256 = self._swap(pool, token_in, token_out, amount)
    self._pay(payer, token_in, amount)
    extcall VAULT.sendTo(token_out, payer, bought)
    return bought


@external
def query_hook(pool: address, token_in: address, token_out: address, amount: uint256) -> uint256:
    """
    @notice Swaps without paying, where the Vault keeps nothing of it.
    """
    self._check_caller()
    return self._swap(pool, token_in, token_out, amount)


@view
@internal
def _check_caller():
    assert msg.sender == VAULT.address, "router: unexpected caller"


@internal
def _swap(pool: address, token_in: address, token_out: address, amount: uint256) -> uint256:
    calculated: uint256 = 0
    paid: uint256 = 0
    bought: uint256 = 0
    calculated, paid, bought = extcall VAULT.swap(
        VaultSwapParams(
            kind=EXACT_IN,
            pool=pool,
            token_in=token_in,
            token_out=token_out,
            amount_given=amount,
            limit=0,
            user_data=b"",
        )
    )
    return bought


@internal
def _pay(payer: address, token: address, amount: uint256):
    extcall IERC20(token).transferFrom(payer, VAULT.address, amount)
    extcall VAULT.settle(token, amount)
