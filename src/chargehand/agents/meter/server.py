"""The meter's process: found by the files in its folder, steered over its control socket, gone when nobody needs it.

``meter.lock``  held for life: one meter per project.  ``meter.json``  where it listens, so that the next one listens there too.
``control.sock``  for the engine.  ``model/gateway.sock``  for agents in a cage.  ``web/*/proxy.sock``  each one's way to its hosts.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import os
import signal
import socket
import sys
import time
from pathlib import Path

import msgspec

from chargehand.agents.meter import sockets, wire
from chargehand.agents.meter.calls import Call
from chargehand.agents.meter.tunnel import WayOut
from chargehand.model.errors import ChargehandError
from chargehand.process.lock import holder

LOCK, RECORD, CONTROL = "meter.lock", "meter.json", "control.sock"
GATEWAY, WEB = "model/gateway.sock", "web"

_TICK_S = 0.5
_BIRTH_S = 60.0
"""So long after its engine died a call may still be without supervisor: it had just been let in."""

_decode = msgspec.json.Decoder(wire.Message).decode
_encode = msgspec.json.Encoder().encode


def main(arguments: list[str]) -> None:
    """Be the meter of the project whose state folder is named."""
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    folder = Path(arguments[0])
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return  # another was quicker
    # Whoever comes now waits for us to be ready instead of finding nobody. The rest is not loaded before that.
    local = sockets.listen_local(_last_port(folder))
    caged = sockets.listen_unix(folder / GATEWAY)
    control = sockets.listen_unix(folder / CONTROL)
    port = local.getsockname()[1]
    (folder / RECORD).write_text(f'{{"pid": {os.getpid()}, "port": {port}}}\n', encoding="utf-8")
    asyncio.run(Server(folder, control, [local, caged], port).run())


def _last_port(folder: Path) -> int:
    try:
        return int(msgspec.json.decode((folder / RECORD).read_bytes())["port"])
    except (OSError, msgspec.DecodeError, KeyError, TypeError, ValueError):
        return 0


class Server:
    """``doors`` are the sockets at which agents' requests come in; nobody is answered there before the first ``hello``."""

    def __init__(self, folder: Path, control: socket.socket, doors: list[socket.socket], port: int) -> None:
        from chargehand.agents.meter.calls import Calls
        from chargehand.agents.meter.gateway import Gateway
        from chargehand.agents.meter.upstream import Provider

        self._folder, self._control, self._doors, self._port = folder, control, doors, port
        self._ways: dict[str, WayOut] = {}
        self._calls = Calls()
        self._provider = Provider()
        self._gateway = Gateway(self._calls, self._provider)
        self._engines: set[asyncio.StreamWriter] = set()
        self._linger_s = 10.0
        self._open = False
        self._end = asyncio.Event()
        self._answering: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end.set)
        from aiohttp import web

        runner = web.ServerRunner(
            web.Server(self._gateway.serve, handler_cancellation=True, auto_decompress=False, access_log=None),
            shutdown_timeout=1.0,
        )
        await runner.setup()
        self._sites = [web.SockSite(runner, door) for door in self._doors]
        control = await asyncio.start_unix_server(self._listen, sock=self._control, limit=wire.LONGEST)
        watching = asyncio.create_task(self._watch())
        await self._end.wait()
        watching.cancel()
        control.close()
        for engine in list(self._engines):
            engine.close()
        for place in [*self._calls.by_place, *self._ways]:
            await self._dismiss(place)
        await runner.cleanup()
        await self._provider.close()

    async def _listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One engine, from its first line to its end."""
        self._engines.add(writer)
        try:
            while line := await reader.readline():
                message = _decode(line)
                # Each on its own: to dismiss a call takes as long as its requests need to end.
                task = asyncio.create_task(self._answer(message, writer))
                self._answering.add(task)
                task.add_done_callback(self._answering.discard)
        except (OSError, ValueError, msgspec.MsgspecError) as error:
            print(f"meter: a line that cannot be understood: {type(error).__name__}", flush=True)
        finally:
            self._engines.discard(writer)
            for each in self._of(writer):
                each.owner, each.orphaned_at = None, time.monotonic()
            writer.close()

    async def _answer(self, message: wire.Message, writer: asyncio.StreamWriter) -> None:
        error = ""
        try:
            await self._obey(message.order, writer)
        except ChargehandError as problem:
            error = f"{problem.message} ({problem.hint})"
        except OSError as problem:
            error = str(problem)
        with contextlib.suppress(OSError):
            writer.write(_encode(wire.Answer(id=message.id, error=error, port=self._port)) + b"\n")
            await writer.drain()

    async def _obey(self, order: wire.Order, writer: asyncio.StreamWriter) -> None:
        match order:
            case wire.Hello():
                await self._greet(order, writer)
            case wire.Admit():
                self._calls.admit(order.call, writer)
            case wire.Open():
                await self._let_out(order, writer)
            case wire.Dismiss():
                await self._dismiss(order.place)
            case wire.Settle():
                self._calls.settle(order.place, order.allowance)
            case wire.Leave():
                if not self._calls.by_place and not self._ways and self._engines == {writer}:
                    self._end.set()

    async def _greet(self, hello: wire.Hello, writer: asyncio.StreamWriter) -> None:
        from chargehand.agents.meter.cassette import Player, Recorder

        self._linger_s, self._provider.max_wait_s = hello.linger_s, hello.max_wait_s
        self._gateway.prices = hello.prices
        if hello.replay and self._provider.player is None:
            self._provider.player = Player(Path(hello.replay))
        if hello.record and self._gateway.recorder is None:
            self._gateway.recorder = Recorder(Path(hello.record))
        self._calls.greet()
        for call in hello.unsettled:
            self._calls.recall(call, writer)
        for call in hello.calls:
            self._calls.admit(call, writer)
        for way in hello.ways:
            await self._let_out(way, writer)
        if not self._open:
            # Not before its keys are known: an agent that went on over our restart must not be taken for a stranger.
            self._open = True
            for site in self._sites:
                await site.start()

    async def _let_out(self, order: wire.Open, writer: asyncio.StreamWriter) -> None:
        if way := self._ways.get(order.place):
            way.hosts, way.owner = order.hosts, writer
            return
        way = self._ways[order.place] = WayOut(Path(order.place), order.hosts, writer)
        await way.open(way_of(self._folder, order.place))

    async def _dismiss(self, place: str) -> None:
        await self._calls.dismiss(place)
        if way := self._ways.pop(place, None):
            await way.close()

    def _of(self, owner: object | None) -> list[Call | WayOut]:
        every: list[Call | WayOut] = [*self._calls.by_place.values(), *self._ways.values()]
        return [each for each in every if each.owner is owner]

    async def _watch(self) -> None:
        """Let go of calls whose engine and processes are gone, and end when there is nothing left to do."""
        idle_since = time.monotonic()
        while True:
            await asyncio.sleep(min(_TICK_S, self._linger_s))
            now = time.monotonic()
            for each in self._of(None):
                if _over(each, now):
                    await self._dismiss(str(each.place))
            if self._engines or self._calls.by_place or self._ways:
                idle_since = now
            elif now - idle_since >= self._linger_s:
                self._end.set()


def way_of(folder: Path, place: str) -> Path:
    """The socket of a call's way out, in a folder of its own. ``folder`` is the meter's."""
    return folder / WEB / hashlib.sha256(os.fsencode(place)).hexdigest()[:16] / "proxy.sock"


def _over(call: Call | WayOut, now: float) -> bool:
    """Whether a call that no engine looks after has ended: its program has left its result, or nobody supervises it."""
    if (call.place / "exit.json").exists():
        return True
    return holder(call.place / "shim.json") is None and now - call.orphaned_at > _BIRTH_S


if __name__ == "__main__":
    main(sys.argv[1:])
