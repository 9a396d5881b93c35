"""
Viewers of a dashboard in a process of their own: they read all that they are told, and count it.

``python -m benchmarks._viewers HOST PORT COUNT`` says ``ready`` when all have the page's first data, and after the end
of its standard input how many updates and bytes came to all of them together.
"""

import asyncio
import json
import sys
from dataclasses import dataclass


@dataclass(slots=True)
class Seen:
    updates: int = 0
    bytes: int = 0


async def _view(host: str, port: int, seen: Seen, ready: asyncio.Semaphore) -> None:
    reader, writer = await asyncio.open_connection(host, port, limit=1 << 22)
    writer.write(f"GET /events HTTP/1.1\r\nHost: {host}\r\nAccept: text/event-stream\r\n\r\n".encode())
    first = True
    while line := await reader.readline():
        seen.bytes += len(line)
        if line.startswith(b"event: snapshot"):
            first = False
            ready.release()
        seen.updates += line.startswith(b"event: update") and not first


async def main(host: str, port: int, count: int) -> None:
    seen, ready = Seen(), asyncio.Semaphore(0)
    viewers = [asyncio.create_task(_view(host, port, seen, ready)) for _ in range(count)]
    for _ in viewers:
        await ready.acquire()
    seen.updates = seen.bytes = 0
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    print(json.dumps({"updates": seen.updates, "bytes": seen.bytes, "left": sum(task.done() for task in viewers)}))
    for task in viewers:
        task.cancel()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
