"""
Faults by name: one table for each kind of request.
"""

from typing import Any

from keeper.chain.bloom import bloom_of
from soak import faults
from soak.proxy import Fault

#: What is no answer to any request: the other node is asked, and this one left alone for a while.
NO_ANSWER: dict[str, Fault] = {
    "cut": faults.abort,
    "HTTP 500": faults.status(500),
    "HTTP 502": faults.status(502),
    "HTTP 503": faults.status(503),
    "HTTP 504": faults.status(504),
    "HTTP 429": faults.status(429),
    "HTTP 429 with Retry-After": faults.status(429, Retry_After="7"),
    "HTTP 429 with a date": faults.status(429, Retry_After="Fri, 27 Nov 2026 20:00:00 GMT"),
    "-32005 in 200": faults.error(-32005, "daily request count exceeded, request rate limited"),
    "HTTP 413": faults.status(413),
    "HTML in 200": faults.body("<html><body>Bad gateway</body></html>", "text/html"),
    "HTML called JSON": faults.body("<html>"),
    "truncated": faults.truncated,
    "empty": faults.body(""),
    "nested": faults.body("[" * 2_000),
    "not gzip": faults.body(b"\x1f\x8bno gzip", Content_Encoding="gzip"),
    "closed in the middle": faults.closed_in_the_middle,
    "wrong id": faults.changed(lambda answer: answer | {"id": 4711}),
    "no id": faults.changed(lambda answer: {key: answer[key] for key in answer if key != "id"}),
    "neither result nor error": faults.changed(lambda answer: {"jsonrpc": "2.0", "id": answer["id"]}),
    "answer in a list": faults.changed(lambda answer: [answer]),
    "answer twice": faults.changed(lambda answer: [answer, answer]),
    "a number": faults.changed(lambda answer: 7),
    "error that is text": faults.changed(lambda answer: {"id": answer["id"], "error": "overloaded"}),
}

#: Results that are none, of every method.
NO_RESULT: dict[str, Any] = {
    "null": None,
    "number": 7,
    "list": [],
    "text": "abc",
    "half a byte": "0x1",
    "object": {},
    "true": True,
}


def without_one(logs: Any) -> Any:
    """
    Without the last log that the last block's bloom filter tells of; without all of that block's, if there is none: no
    filter tells of a log whose address and topics another one has.
    """
    if not isinstance(logs, list) or not logs:
        return logs
    before = [log for log in logs if log["blockHash"] != logs[-1]["blockHash"]]
    last = logs[len(before) :]
    for at in range(len(last) - 1, -1, -1):
        rest = last[:at] + last[at + 1 :]
        if bloom_of(rest) != bloom_of(last):
            return before + rest
    return before


#: Of `eth_getLogs`: what the block's header does not bear out.
LIES: dict[str, Fault] = {
    "one is withheld": faults.retold(without_one),
    "all are withheld": faults.retold(lambda logs: []),
    "taken back": faults.retold(lambda logs: [log | {"removed": True} for log in logs]),
    "of another block": faults.retold(lambda logs: [log | {"blockHash": "0x" + "77" * 32} for log in logs]),
    "of another contract": faults.retold(lambda logs: [log | {"address": "0x" + "77" * 20} for log in logs]),
    "one place twice": faults.retold(lambda logs: [*logs, *(log | {"data": "0x77"} for log in logs)]),
    "no logs": faults.retold(lambda logs: [None for _ in logs]),
    "no topics": faults.retold(lambda logs: [log | {"topics": None} for log in logs]),
}

#: Of `eth_getTransactionReceipt`.
RECEIPTS: dict[str, Fault] = {
    "of no block": faults.retold(lambda told: told and told | {"blockHash": "0x" + "00" * 32}),
    "of null": faults.retold(lambda told: told and told | {"blockHash": None, "blockNumber": None}),
    "without a status": faults.retold(lambda told: told and told | {"status": None}),
    "without logs": faults.retold(lambda told: told and {key: told[key] for key in told if key != "logs"}),
    "a list": faults.retold(lambda told: [told]),
}

#: Of `eth_call`.
CALLS: dict[str, Fault] = {
    "nothing": faults.result("0x"),
    "revert": faults.error(3, "execution reverted", "0x08c379a0"),
    "no block": faults.error(-32000, "header not found"),
    "no state": faults.error(-32000, "missing trie node 5af0 (path ) state 0x5af0 is not available"),
    "no hash": faults.error(-32602, "invalid argument 1: hash with blockHash is not supported"),
    "too short": faults.retold(lambda told: told[: len(told) // 2 // 2 * 2]),
}

#: What a node says when it does not take a transaction, nor ever will.
REFUSALS: dict[str, tuple[int, str]] = {
    "insufficient funds": (-32000, "insufficient funds for gas * price + value: address 0x0 have 0 want 1"),
    "intrinsic gas": (-32000, "intrinsic gas too low: gas 1, minimum needed 21000"),
    "base fee": (-32000, "max fee per gas less than block base fee: address 0x0, maxFeePerGas: 1, baseFee: 2"),
}

#: What it says when nobody can be sure that it did not.
DOUBTS: dict[str, tuple[int, str]] = {
    "nonce too low": (-32000, "nonce too low: next nonce 9, tx nonce 7"),
    "nonce too high": (-32000, "nonce too high: address 0x0, tx: 9 state: 7"),
    "deadline exceeded": (-32000, "context deadline exceeded"),
    "rejected": (-32003, "transaction rejected"),
    "limit": (-32005, "limit exceeded: block number condition not met"),
    "state changed": (-32012, "storage slot value condition not met"),
    "unavailable": (-32000, "sequencer temporarily not available"),
    "not chosen": (-32000, "not the chosen sequencer"),
    "underpriced": (-32000, "replacement transaction underpriced"),
}
