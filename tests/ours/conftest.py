"""A call of an agent, made for real and without an engine: in a workspace of its own, in a cage where that works."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from chargehand.agents.registry import make_agent
from chargehand.model.config import AgentConfig
from chargehand.model.signals import Signal
from chargehand.model.work import Exit, Report, Tally
from chargehand.ports import Agent, Call, Gateway, Launch, Room
from chargehand.process.bubblewrap import Bubblewrap
from chargehand.process.environment import environment
from tests.kit.modelserver import ModelServer

KEY = "sk-real-0123456789abcdefghijklmnopqrstuvwxyz"


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as running:
        yield running


class Desk:
    """Where agents are called. ``calls`` counts them: each has its own transcript. ``within``: the network they are started in."""

    def __init__(self, root: Path) -> None:
        self.root, self.calls = root, 0
        self.within: Callable[[Callable[[], subprocess.Popen[bytes]]], subprocess.Popen[bytes]] = lambda start: start()
        self.workspace, self.home = root / "workspace", root / "home"
        self.workspace.mkdir()

    def agent(self, kind: str, **settings: object) -> Agent:
        config = msgspec.convert({"kind": kind, **settings}, AgentConfig)
        return make_agent("helper", config, self.root)

    def call(self, prompt: str, **options: object) -> Call:
        given = Call(prompt=prompt, workspace=str(self.workspace), home=str(self.home), session="5e55-1")
        return msgspec.structs.replace(given, **options)

    @property
    def place(self) -> Path:
        return self.root / f"call-{self.calls}"

    def start(
        self, agent: Agent, call: Call, ambient: dict[str, str] | None = None, room: Room | None = None
    ) -> subprocess.Popen[bytes]:
        """The agent's program, started; with ``room`` in a cage."""
        ambient = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **(ambient or {})}
        self.calls += 1
        self.place.mkdir()
        env = environment(ambient, self.home)
        prepared = agent.prepare(call, ambient)
        for name, text in prepared.files.items():
            (self.home / name).parent.mkdir(parents=True, exist_ok=True)
            (self.home / name).write_text(text)
        launch = Launch(argv=prepared.argv, cwd=str(self.workspace), env=env | prepared.env, directory=str(self.place))
        if room is not None:
            launch = Bubblewrap().wrap(launch, msgspec.structs.replace(room, readable=(*room.readable, *agent.places())))
        prompt = self.place / "prompt.md"
        prompt.write_text(call.prompt)
        argv = [word for word in launch.argv if not word.startswith("status=")]
        with prompt.open() as given, (self.place / "stdout.log").open("wb") as out, (self.place / "stderr.log").open("wb") as err:
            return self.within(
                lambda: subprocess.Popen(
                    argv, cwd=self.workspace, env=launch.env, stdin=given, stdout=out, stderr=err, start_new_session=True
                )
            )

    def report(self, agent: Agent, code: int, before: Tally = Tally()) -> Report:  # noqa: B008  a frozen value
        exit_ = Exit(cause="exited", code=code if code >= 0 else None, signal=-code if code < 0 else None, ended_at=1_800_000_000)
        return agent.report(self.place / "stdout.log", exit_, before)

    def run(self, agent: Agent, call: Call, ambient: dict[str, str] | None = None, room: Room | None = None) -> Report:
        return self.report(agent, self.end(self.start(agent, call, ambient, room)))

    def end(self, process: subprocess.Popen[bytes]) -> int:
        """Its return code. It has to end by itself."""
        with process:
            try:
                return process.wait(timeout=60)
            finally:
                process.kill()

    def signals(self, agent: Agent) -> list[Signal]:
        lines = (self.place / "stdout.log").read_bytes().splitlines()
        return [signal for line in lines for signal in agent.signals(line)]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def gateway(server: ModelServer) -> Gateway:
    return Gateway(server.url, KEY)


async def way_out(path: Path, port: int) -> asyncio.Server:
    """A proxy at a unix socket that knows CONNECT, and one port of this machine."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        if head.startswith(f"CONNECT 127.0.0.1:{port} "):
            there, away = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await asyncio.gather(_pump(reader, away), _pump(there, writer))
        writer.close()

    return await asyncio.start_unix_server(serve, path)


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while data := await source.read(65536):
        sink.write(data)
    sink.close()
