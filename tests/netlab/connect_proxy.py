"""A small HTTP proxy that only CONNECTs (RFC 9110, 9.3.6); `python connect_proxy.py PORT` prints each place it is asked
for. Runs on a host of the lab with nothing but the standard library."""

import asyncio
import sys


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One client: its request, then bytes both ways until either side ends."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    method, _, rest = head.partition(" ")
    authority = rest.partition(" ")[0]
    if method != "CONNECT":
        writer.write(b"HTTP/1.1 405 Method Not Allowed\r\n\r\n")
        writer.close()
        return
    say(f"CONNECT {authority}")
    host, _, port = authority.rpartition(":")
    try:
        there = await asyncio.open_connection(host.strip("[]"), int(port))
    except OSError:
        writer.write(b"HTTP/1.1 502 Bad Gateway\r\n\r\n")
        writer.close()
        return
    writer.write(b"HTTP/1.1 200 Connection Established\r\nVia: 1.1 lab\r\n\r\n")
    await asyncio.gather(copy(reader, there[1]), copy(there[0], writer), return_exceptions=True)


def say(line: str) -> None:
    """One line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def copy(source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
    """Bytes one way."""
    try:
        while data := await source.read(1 << 16):
            to.write(data)
            await to.drain()
    finally:
        to.close()


async def main() -> None:
    """Serve for ever."""
    server = await asyncio.start_server(serve, "", int(sys.argv[1]))
    say("listening")
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
