"""The meter's process: found again, started again, gone when nobody needs it; and what it counted stays counted."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
from pathlib import Path
from typing import cast

import aiohttp
import pytest
from aiohttp import web

from chargehand.agents.meter import server
from chargehand.agents.meter.bill import metered
from chargehand.model.errors import EnvironmentProblem
from chargehand.ports import Agent, Allowance, Launch
from chargehand.process import daemon
from chargehand.process.pool import ShimPool
from tests.meter.world import COST, SECRET, Speaker, World, crash, gone, message, world


def test_an_engine_that_comes_back_finds_the_meter_and_the_call(tmp_path: Path) -> None:
    async def run() -> None:
        async with world(tmp_path) as here:
            before = await here.admit()
            pid = here.pid()
            assert (await here.ask(before))[0] == 200
            crash(here.client)
            assert (await here.ask(before))[0] == 200  # the agent goes on meanwhile
            engine = here.engine()
            assert await here.admit(client=engine) == before
            assert here.pid() == pid
            assert (await here.ask(before))[0] == 200
            used = await engine.dismiss(here.place())
            assert used.requests == 3
            assert used.usage.cost_usd == pytest.approx(3 * COST)

    asyncio.run(run())


def test_a_killed_meter_is_back_with_the_same_address_keys_and_sums(tmp_path: Path) -> None:
    async def run() -> None:
        async with world(tmp_path) as here:
            gateways = [await here.admit(f"call-{number}", run=COST * 2.5) for number in range(3)]
            assert (await here.ask(gateways[0]))[0] == 200
            pid = here.pid()
            os.kill(pid, signal.SIGKILL)
            while not (here.pid() != pid and await _answers(here, gateways[0].url)):
                await asyncio.sleep(0.02)
            # Nobody asked the engine for anything; two more requests, and the cap is reached.
            statuses = [(await here.ask(gateway))[0] for gateway in (*gateways, gateways[0])]
            assert statuses == [200, 200, 403, 403]
            used = [await here.client.dismiss(here.place(f"call-{number}")) for number in range(3)]
            assert [each.requests for each in used] == [2, 1, 0]

    asyncio.run(run())


async def _answers(here: World, url: str) -> bool:
    try:
        async with here.session.head(url) as response:
            return response.status == 200
    except aiohttp.ClientError:
        return False


def test_a_request_under_way_when_the_meter_is_killed_is_charged_by_estimate(tmp_path: Path) -> None:
    async def run() -> None:
        async with world(tmp_path) as here:
            go = asyncio.Event()

            async def handler(request: web.Request) -> web.StreamResponse:
                await go.wait()
                return await message(request)

            here.provider.handler = handler
            gateway = await here.admit(run=1.0)
            asking = asyncio.create_task(here.ask(gateway, body={"model": "test-model", "x": "y" * 40_000}))
            while not here.provider.seen:
                await asyncio.sleep(0.01)
            os.kill(here.pid(), signal.SIGKILL)
            with pytest.raises(aiohttp.ClientError):
                await asking
            go.set()
            used = await here.client.dismiss(here.place())
            assert used.requests == 1
            assert used.usage.cost_usd == pytest.approx(0.1, rel=0.02)

    asyncio.run(run())


def test_a_broken_connection_is_made_again(tmp_path: Path) -> None:
    async def run() -> None:
        async with world(tmp_path) as here:
            for name in ("one", "two", "three"):
                gateway = await here.admit(name)
                assert (await here.ask(gateway))[0] == 200
                line = here.client._line
                assert line
                line._reader.set_exception(ConnectionResetError())  # nobody has noticed yet when the next word is to be said

    asyncio.run(run())


def test_a_line_that_was_cut_spoils_no_other(tmp_path: Path) -> None:
    async def run() -> None:
        async with world(tmp_path) as here:
            gateway = await here.admit()
            (here.place() / "meter.jsonl").write_bytes(b'{"type":"paid","id"')
            assert (await here.ask(gateway))[0] == 200
            assert metered(here.place()).usage.cost_usd == pytest.approx(COST)
            assert (await here.client.dismiss(here.place())).requests == 1

    asyncio.run(run())


def test_it_goes_when_nobody_needs_it(tmp_path: Path) -> None:
    async def run() -> None:
        async with world(tmp_path) as here:
            await here.admit()
            pid = here.pid()
            await asyncio.sleep(0.8)
            os.kill(pid, 0)
            await here.client.dismiss(here.place())
            crash(here.client)
            await asyncio.wait_for(gone(pid), 20)

    asyncio.run(run())


def test_with_no_engine_it_goes_when_the_agents_are_done(tmp_path: Path) -> None:
    async def run() -> None:
        async with world(tmp_path) as here:
            gateway = await here.admit()
            pool = ShimPool(tmp_path / "shim.log")
            place = here.place()
            launch = Launch(argv=("sleep", "1.5"), cwd=str(tmp_path), env=dict(os.environ), directory=str(place))
            running = asyncio.create_task(pool.run(launch))
            while not (place / "shim.json").exists():
                await asyncio.sleep(0.01)
            pid = here.pid()
            crash(here.client)
            await asyncio.sleep(0.8)
            assert (await here.ask(gateway))[0] == 200
            assert not running.done()
            await running
            await asyncio.wait_for(gone(pid), 20)
            assert metered(place).usage.cost_usd == pytest.approx(COST)
            await pool.close()

    asyncio.run(run())


def test_several_that_start_it_at_once_have_one(tmp_path: Path) -> None:
    async def run() -> None:
        async with world(tmp_path) as here:
            engines = [here.engine() for _ in range(4)]
            gateways = await asyncio.gather(*(here.admit(f"c-{number}", client=engine) for number, engine in enumerate(engines)))
            assert len({gateway.url for gateway in gateways}) == 1
            assert [(await here.ask(gateway))[0] for gateway in gateways] == [200] * 4
            for number, engine in enumerate(engines):
                await engine.dismiss(here.place(f"c-{number}"))

    asyncio.run(run())


def test_no_key_of_the_provider_is_written_anywhere_and_nobody_else_can_look(tmp_path: Path) -> None:
    async def run() -> None:
        async with world(tmp_path) as here:
            gateway = await here.admit()
            assert (await here.ask(gateway))[0] == 200
            assert (await here.ask(gateway, "/v1/messages", b"{broken"))[0] == 200
            pid = here.pid()
            for path in tmp_path.rglob("*"):
                mode = path.stat().st_mode
                if stat.S_ISREG(mode):
                    assert SECRET.encode() not in path.read_bytes(), path
                if stat.S_ISSOCK(mode) or path.name == "meter.key":
                    assert stat.S_IMODE(mode) == 0o600, path
            assert stat.S_IMODE((here.state / "meter").stat().st_mode) == 0o700
            assert SECRET.encode() not in Path(f"/proc/{pid}/environ").read_bytes() + Path(f"/proc/{pid}/cmdline").read_bytes()
            assert gateway.key != SECRET
            assert (here.state / "meter" / "meter.log").read_bytes() == b""

    asyncio.run(run())


def test_only_this_machine_is_listened_to(tmp_path: Path) -> None:
    async def run() -> None:
        async with world(tmp_path) as here:
            gateway = await here.admit()
            port = int(gateway.url.rpartition(":")[2])
            table = Path("/proc/net/tcp").read_text().splitlines()[1:]
            local = [line.split()[1] for line in table if line.split()[3] == "0A"]
            assert f"0100007F:{port:04X}" in local
            assert f"00000000:{port:04X}" not in local

    asyncio.run(run())


def test_a_project_may_lie_deep(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 80) / ("e" * 80)
    deep.mkdir(parents=True)

    async def run() -> None:
        async with world(deep) as here:
            gateway = await here.admit()
            assert (await here.ask(gateway))[0] == 200

    asyncio.run(run())


def test_a_meter_that_cannot_start_says_where_to_look(tmp_path: Path) -> None:
    async def run() -> None:
        async with world(tmp_path) as here:
            (here.state / "meter").mkdir(parents=True)
            (here.state / "meter" / "model").write_text("in the way")
            with pytest.raises(EnvironmentProblem) as raised:
                await here.admit()
            assert "meter.log" in raised.value.hint
            assert (here.state / "meter" / "meter.log").read_text()
            (here.state / "meter" / "model").unlink()
            assert (await here.ask(await here.admit()))[0] == 200

    asyncio.run(run())


def test_a_call_that_was_never_let_in_has_used_nothing(tmp_path: Path) -> None:
    async def run() -> None:
        async with world(tmp_path) as here:
            assert (await here.client.dismiss(here.place("none"))).requests == 0
            assert not here.state.exists()
            agent = cast("Agent", Speaker("anthropic", "anthropic"))
            await here.client.settle(here.place("none"), lambda: Allowance(usd={"run": 1.0}))
            assert not here.state.exists()
            assert await here.client.admit(here.place(), agent, Allowance, caged=False)

    asyncio.run(run())


def test_a_second_one_gives_way(tmp_path: Path) -> None:
    async def run() -> None:
        async with world(tmp_path) as here:
            gateway = await here.admit()
            record = json.loads((here.state / "meter" / "meter.json").read_text())
            second = daemon.start(server.__name__, [str(here.state / "meter")], tmp_path / "second.log", {})
            while (code := daemon.ended(second)) is None:
                await asyncio.sleep(0.02)
            assert code == 0
            assert json.loads((here.state / "meter" / "meter.json").read_text()) == record
            assert (await here.ask(gateway))[0] == 200

    asyncio.run(run())
