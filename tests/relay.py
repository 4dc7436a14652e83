"""``relay.py HOST:PORT PORT``: passes bytes between this machine's port and another machine; knows nothing of them.

Stopped, it holds everything up; killed, it loses what is under way and breaks all connections.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys

_N_BYTES = 1 << 16


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(_N_BYTES):
            writer.write(data)
            await writer.drain()
    writer.close()


async def relay(host: str, port: int, own_port: int) -> None:
    async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(host, port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))

    server = await asyncio.start_server(join, "127.0.0.1", own_port)
    await server.serve_forever()


if __name__ == "__main__":
    name, _, number = sys.argv[1].rpartition(":")
    asyncio.run(relay(name, int(number), int(sys.argv[2])))
