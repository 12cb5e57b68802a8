"""Out of a cage one comes only to hosts that are allowed."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from chargehand.agents.meter.sockets import connect_unix
from chargehand.agents.meter.tunnel import allowed
from tests.meter.world import crash, gone, world


@pytest.mark.parametrize(
    ("target", "yes"),
    [
        ("index.example:443", True),
        ("Index.EXAMPLE:443", True),
        ("index.example:80", False),
        ("evil-index.example:443", False),
        ("index.example.evil.example:443", False),
        ("files.packages.example:443", True),
        ("packages.example:443", False),
        ("files.packages.example.evil:443", False),
        ("localhost:8080", True),
        ("localhost:443", False),
        ("index.example", False),
        (":443", False),
        ("", False),
        ("index.example:443x", False),
    ],
)
def test_which_hosts(target: str, yes: bool) -> None:
    assert allowed(target, ["index.example", "*.packages.example", "localhost:8080"]) is yes


async def connect(socket: str, target: str, method: str = "CONNECT") -> tuple[int, asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_unix_connection(sock=connect_unix(Path(socket)))
    writer.write(f"{method} {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    return int(head.split()[1]), reader, writer


async def status_of(socket: str, target: str, method: str = "CONNECT") -> int:
    status, _, writer = await connect(socket, target, method)
    writer.close()
    await writer.wait_closed()
    return status


def test_a_call_reaches_its_hosts_and_no_other(tmp_path: Path, house: Path) -> None:
    async def run() -> None:
        async with world(tmp_path, house) as here:
            host = here.provider.url.removeprefix("http://")
            one = await here.client.way_out(here.place("one"), [host])
            two = await here.client.way_out(here.place("two"), ["index.example"])
            status, reader, writer = await connect(one, host)
            assert status == 200
            writer.write(b"GET /through HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert (await reader.readline()).split()[1] == b"200"
            await reader.read()
            writer.close()
            await writer.wait_closed()
            assert here.provider.seen[0][0] == "/through"

            assert await status_of(two, host) == 403
            assert await status_of(one, "127.0.0.1:1") == 403
            assert await status_of(one, f"http://{host}/", "GET") == 405
            assert [line["host"] for line in here.bill("one")] == ["127.0.0.1:1"]
            assert (await here.client.dismiss(here.place("one"))).requests == 0

    asyncio.run(run())


def test_with_the_call_its_way_out_ends(tmp_path: Path, house: Path) -> None:
    async def run() -> None:
        async with world(tmp_path, house) as here:
            host = here.provider.url.removeprefix("http://")
            way = await here.client.way_out(here.place(), [host])
            status, reader, writer = await connect(way, host)
            assert status == 200
            await here.client.dismiss(here.place())
            assert await asyncio.wait_for(reader.read(), 10) == b""
            writer.close()
            await writer.wait_closed()
            assert not Path(way).parent.exists()

    asyncio.run(run())


def test_a_way_out_is_there_again_after_the_meter_was_killed(tmp_path: Path) -> None:
    async def run() -> None:
        async with world(tmp_path) as here:
            host = here.provider.url.removeprefix("http://")
            way = await here.client.way_out(here.place(), [host])
            pid = here.pid()
            os.kill(pid, signal.SIGKILL)
            async with asyncio.timeout(20):
                while here.pid() == pid or not await _reachable(way, host):
                    await asyncio.sleep(0.02)
            # The engine dies as well: the call's program is what counts.
            pid = here.pid()
            crash(here.client)
            assert await status_of(way, host) == 200
            (here.place() / "exit.json").write_text("{}")
            await asyncio.wait_for(gone(pid), 20)

    asyncio.run(run())


async def _reachable(way: str, host: str) -> bool:
    try:
        return await status_of(way, host) == 200
    except OSError:
        return False
