"""
The face of a Nitro node in front of anvil, for tests of what the keeper does in production only.

A Nitro node holds no code at NodeInterface and the single byte 0xfe at the other precompiles, answers calls to them all
the same, adds the price of L1 data to gas estimates, and has none of anvil's methods. Calls from contracts to
precompiles do not work here: the stand-ins are at other addresses, to which only requests are led.
"""

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable
from typing import Any, Self

import aiohttp
from aiohttp import WSMsgType, web
from eth_abi.abi import decode, encode

from localnet import addresses, precompiles
from localnet.abi import function
from localnet.node import BASE_FEE_WEI
from localnet.rpc import Rpc

CLIENT_VERSION = "nitro/v3.12.4-localnet/linux-amd64/go1.25"
#: The NUMBER that contracts see on Arbitrum is Ethereum's; here it is a constant beside the real block number.
L1_BLOCK_NUMBER = "0x1714f67"

_REFUSED = ("anvil_", "evm_", "hardhat_")
_LED = {precompiles.VISIBLE[name].lower(): precompiles.HIDDEN[name] for name in precompiles.VISIBLE}
_L1_COMPONENT = function("gasEstimateL1Component(address,bool,bytes)", ["uint64", "uint256", "uint256"])
_COMPONENTS = function("gasEstimateComponents(address,bool,bytes)", ["uint64", "uint64", "uint256", "uint256"])
_METHOD_NOT_FOUND = -32601
_INTERNAL = -32603
_MAX_BODY = 64 * 2**20

#: A JSON-RPC request or answer.
Message = dict[str, Any]


def disguise(rpc: Rpc) -> None:
    """
    Give the precompiles' addresses the code that a Nitro node shows, and move the stand-ins elsewhere.
    """
    precompiles.place(rpc, precompiles.HIDDEN)
    for name, code in precompiles.NITRO_CODE.items():
        rpc("anvil_setCode", precompiles.VISIBLE[name], code)


class Nitro:
    """
    Answers requests as a Nitro node would, from an anvil behind it.

    Args:
        ask: Sends one request to anvil and returns its answer.
    """

    def __init__(self, ask: Callable[[Message], Awaitable[Message]]) -> None:
        self._ask = ask
        self._special: dict[str, Callable[[Message], Awaitable[Message]]] = {
            "web3_clientVersion": self._client_version,
            "eth_gasPrice": self._gas_price,
            "eth_maxPriorityFeePerGas": self._no_tip,
            "eth_call": self._call,
            "eth_estimateGas": self._estimate,
            "eth_feeHistory": self._fee_history,
            "eth_getTransactionReceipt": self._receipt,
            "eth_getBlockReceipts": self._receipt,
            "eth_getBlockByNumber": self._block,
            "eth_getBlockByHash": self._block,
        }

    async def answer(self, request: Message) -> Message:
        """
        Return the answer to one request.
        """
        method = request.get("method", "")
        if method.startswith(_REFUSED):
            return _error(request, _METHOD_NOT_FOUND, f"the method {method} does not exist/is not available")
        return await self._special.get(method, self._ask)(_settled(request))

    async def _client_version(self, request: Message) -> Message:
        return _result(request, CLIENT_VERSION)

    async def _gas_price(self, request: Message) -> Message:
        # anvil adds a tip of its own invention.
        latest = await self._ask(_request("eth_getBlockByNumber", "latest", False))
        return _result(request, latest["result"]["baseFeePerGas"])

    async def _fee_history(self, request: Message) -> Message:
        answer = await self._ask(request)
        if "error" in answer:
            return answer
        # In the moment between a block and the sequencer's correction anvil promises a fee below the floor.
        fees = [hex(max(int(fee, 16), BASE_FEE_WEI)) for fee in answer["result"]["baseFeePerGas"]]
        return answer | {"result": answer["result"] | {"baseFeePerGas": fees}}

    async def _no_tip(self, request: Message) -> Message:
        return _result(request, "0x0")

    async def _call(self, request: Message) -> Message:
        call = request["params"][0]
        data = bytes.fromhex((call.get("input") or call.get("data") or "0x")[2:])
        is_virtual = (call.get("to") or "").lower() == addresses.NODE_INTERFACE.lower()
        if is_virtual and data.startswith(_COMPONENTS.selector):
            return await self._components(request, data)
        return await self._ask(_led(request))

    async def _components(self, request: Message, data: bytes) -> Message:
        """
        Answer NodeInterface's estimate: a node makes it with the caller for sender, which no contract can do.
        """
        to, creation, inner = decode(_COMPONENTS.inputs, data[4:])
        transaction = {"from": request["params"][0].get("from"), "data": "0x" + inner.hex()}
        if not creation:
            transaction["to"] = to
        estimate = await self._ask(_request("eth_estimateGas", transaction, *request["params"][1:]))
        if "error" in estimate:
            return estimate | {"id": request.get("id")}
        for_l1, *prices = await self._l1_component(transaction)
        values = (int(estimate["result"], 16) + for_l1, for_l1, *prices)
        return _result(request, "0x" + encode(_COMPONENTS.outputs, values).hex())

    async def _estimate(self, request: Message) -> Message:
        answer = await self._ask(_led(request))
        if "error" in answer:
            return answer
        gas = int(answer["result"], 16) + (await self._l1_component(request["params"][0]))[0]
        return answer | {"result": hex(gas)}

    async def _l1_component(self, transaction: Message) -> tuple[int, int, int]:
        """
        Return the gas that pays for the L1 data of *transaction*, the base fee and the price of a unit of L1 data, as
        NodeInterface estimates them.
        """
        data = bytes.fromhex((transaction.get("input") or transaction.get("data") or "0x")[2:])
        to = transaction.get("to") or addresses.ZERO
        calldata = "0x" + _L1_COMPONENT.calldata(to, transaction.get("to") is None, data).hex()
        call = {"to": precompiles.HIDDEN["NodeInterface"], "data": calldata}
        answer = await self._ask(_request("eth_call", call, "latest"))
        component: tuple[int, int, int] = _L1_COMPONENT.decode(bytes.fromhex(answer["result"][2:]))
        return component

    async def _receipt(self, request: Message) -> Message:
        # anvil charges nothing for L1 data.
        return _extended(await self._ask(request), gasUsedForL1="0x0", l1BlockNumber=L1_BLOCK_NUMBER)

    async def _block(self, request: Message) -> Message:
        root = "0x" + "00" * 32
        return _extended(await self._ask(request), l1BlockNumber=L1_BLOCK_NUMBER, sendCount="0x0", sendRoot=root)


def _settled(request: Message) -> Message:
    """Return *request* for the latest block where it asks for the pending one: the sequencer's queue is not visible."""
    if "pending" not in request.get("params", ()):
        return request
    return request | {"params": ["latest" if param == "pending" else param for param in request["params"]]}


def _led(request: Message) -> Message:
    """Return *request* with a call to a precompile led to its stand-in."""
    transaction, *others = request["params"]
    place = _LED.get((transaction.get("to") or "").lower())
    return request if place is None else request | {"params": [transaction | {"to": place}, *others]}


def _extended(answer: Message, **fields: str) -> Message:
    match answer.get("result"):
        case dict() as one:
            return answer | {"result": one | fields}
        case list() as several:
            return answer | {"result": [one | fields for one in several]}
        case _:
            return answer


def _request(method: str, *params: Any) -> Message:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}


def _result(request: Message, value: Any) -> Message:
    return {"jsonrpc": "2.0", "id": request.get("id"), "result": value}


def _error(request: Message, code: int, message: str) -> Message:
    return {"jsonrpc": "2.0", "id": request.get("id"), "error": {"code": code, "message": message}}


class Shim:
    """
    Serves a Nitro's answers over HTTP and WebSocket, from a thread of its own.

    Args:
        port: Where it listens on the loopback interface; 0 chooses a free one.
        behind: anvil's URL.

    Attributes:
        url: Where it listens, once it has been started.
    """

    def __init__(self, port: int, behind: str) -> None:
        self.url = ""
        self._port = port
        self._behind = behind
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._failure: OSError | None = None
        self._stopping = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="nitro", daemon=True)

    def start(self) -> Self:
        """
        Begin to serve; raise OSError if the port is taken.
        """
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            raise self._failure
        return self

    def stop(self) -> None:
        """Serve no more."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        async with aiohttp.ClientSession() as self._session:
            self._nitro = Nitro(self._ask)
            application = web.Application(client_max_size=_MAX_BODY)
            application.router.add_post("/", self._post)
            application.router.add_get("/", self._socket)
            server = web.AppRunner(application, access_log=None, shutdown_timeout=1)
            await server.setup()
            try:
                await web.TCPSite(server, "127.0.0.1", self._port).start()
                self.url = f"http://127.0.0.1:{server.addresses[0][1]}"
            except OSError as error:
                self._failure = error
                self._stopping.set()
            self._ready.set()
            await self._stopping.wait()
            await server.cleanup()

    async def _ask(self, request: Message) -> Message:
        try:
            async with self._session.post(self._behind, json=request) as response:
                answer: Message = await response.json()
                return answer
        except aiohttp.ClientError:
            return _error(request, _INTERNAL, "the node behind does not answer")

    async def _post(self, incoming: web.Request) -> web.Response:
        return web.json_response(await self._answer(await incoming.json()))

    async def _answer(self, message: Any) -> Any:
        if isinstance(message, list):
            return await asyncio.gather(*map(self._nitro.answer, message))
        return await self._nitro.answer(message)

    async def _socket(self, incoming: web.Request) -> web.WebSocketResponse:
        """
        Serve one WebSocket: subscriptions go through to anvil's own, everything else is answered as over HTTP.
        """
        client = web.WebSocketResponse(max_msg_size=_MAX_BODY)
        await client.prepare(incoming)
        url = self._behind.replace("http", "ws", 1)
        async with self._session.ws_connect(url, max_msg_size=_MAX_BODY) as upstream, asyncio.TaskGroup() as tasks:
            relay = tasks.create_task(_relay(upstream, client))
            async for message in client:
                # web3 sends its JSON as bytes.
                if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                    tasks.create_task(self._reply(json.loads(message.data), client, upstream))
            relay.cancel()
        return client

    async def _reply(
        self, message: Any, client: web.WebSocketResponse, upstream: aiohttp.ClientWebSocketResponse
    ) -> None:
        if isinstance(message, dict) and message.get("method") in ("eth_subscribe", "eth_unsubscribe"):
            await upstream.send_json(message)
        elif not client.closed:
            await client.send_json(await self._answer(message))


async def _relay(upstream: aiohttp.ClientWebSocketResponse, client: web.WebSocketResponse) -> None:
    async for message in upstream:
        if message.type is WSMsgType.TEXT and not client.closed:
            await client.send_str(message.data)
    await client.close()
