"""The way out of a cage: a proxy for one call, which connects to the hosts that call may reach and to no other."""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path
from typing import Any

from chargehand.agents.meter import bill
from chargehand.agents.meter.sockets import listen_unix

_LONGEST_HEAD = 16 * 1024
_HEAD_S, _CONNECT_S = 10.0, 30.0
_CHUNK = 64 * 1024
_DEFAULT_PORT = "443"


class WayOut:
    """Listens at a unix socket of its own, which only this call's cage shows: whoever comes there is the call.

    ``owner`` is the connection of the engine that asked for it; None: that engine is gone.
    """

    def __init__(self, place: Path, hosts: list[str], owner: object) -> None:
        self.place, self.hosts = place, hosts
        self.owner: object | None = owner
        self.orphaned_at = 0.0
        self._bill = bill.Bill(place)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._server: asyncio.Server | None = None
        self._path = Path()

    async def open(self, path: Path) -> None:
        """Listen at ``path``. Raises OSError."""
        self._path = path
        self._server = await asyncio.start_unix_server(self._serve, sock=listen_unix(path), limit=_LONGEST_HEAD)

    async def close(self) -> None:
        """End what goes through, and remove the socket with its folder."""
        if self._server:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(list(self._tasks))
        self._bill.close()
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)
            self._path.parent.rmdir()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        try:
            async with asyncio.timeout(_HEAD_S):
                head = await reader.readuntil(b"\r\n\r\n")
            method, _, rest = head.decode("latin-1").partition("\r\n")[0].partition(" ")
            await self._answer(method, rest.partition(" ")[0], reader, writer)
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError, OSError, asyncio.CancelledError):
            pass  # no request at all, one side hung up, or the call has ended
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _answer(self, method: str, target: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if method != "CONNECT":
            await _say(writer, "405 Method Not Allowed", "Allow: CONNECT\r\n")
        elif allowed(target, self.hosts):
            await _join(reader, writer, target)
        else:
            with contextlib.suppress(OSError):
                self._bill.write(bill.Denied(at=time.time(), host=target[:300]))
            await _say(writer, "403 Forbidden")


def allowed(target: str, hosts: list[str]) -> bool:
    """Whether ``host:port`` is among ``hosts``: names, ``*.domain`` for all below it, with ``:port`` when it is not 443."""
    host, _, port = target.lower().rpartition(":")
    if not host or not port.isdigit():
        return False
    for entry in hosts:
        name, _, its_port = entry.lower().partition(":")
        below = name.startswith("*.") and host.endswith(name[1:])
        if (host == name or below) and port == (its_port or _DEFAULT_PORT):
            return True
    return False


async def _say(writer: asyncio.StreamWriter, status: str, fields: str = "") -> None:
    writer.write(f"HTTP/1.1 {status}\r\n{fields}Content-Length: 0\r\nConnection: close\r\n\r\n".encode())
    await writer.drain()


async def _join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: str) -> None:
    host, _, port = target.rpartition(":")
    try:
        async with asyncio.timeout(_CONNECT_S):
            there, away = await asyncio.open_connection(host, int(port))
    except (OSError, TimeoutError, OverflowError):
        await _say(writer, "502 Bad Gateway")
        return
    try:
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        async with asyncio.TaskGroup() as both:
            both.create_task(_pump(reader, away))
            both.create_task(_pump(there, writer))
    except* OSError:
        pass
    finally:
        away.close()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while data := await source.read(_CHUNK):
        sink.write(data)
        await sink.drain()
    if sink.can_write_eof():
        sink.write_eof()
