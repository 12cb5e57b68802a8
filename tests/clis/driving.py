"""A program started as its driver says, without an engine around it: what the driver itself must get right."""

from __future__ import annotations

import os
import subprocess
import uuid
from dataclasses import dataclass
from pathlib import Path

import msgspec

from chargehand.agents.registry import make_agent
from chargehand.model.config import AgentConfig
from chargehand.model.work import Exit, Report, Tally
from chargehand.ports import Agent, Call, Gateway, Prepared
from chargehand.process.environment import environment
from tests.clis.programs import PLACE, Program
from tests.kit.loopback import Loopback
from tests.kit.modelserver import ModelServer


@dataclass
class Bench:
    """One program, its workspace, its private home and the provider it talks to."""

    program: Program
    root: Path
    net: Loopback
    server: ModelServer

    @property
    def workspace(self) -> Path:
        return self.root / "workspace"

    @property
    def stdout(self) -> Path:
        return self.root / "call" / "stdout.log"

    def call(self, prompt: str, **options: object) -> Call:
        given = Call(
            prompt=prompt,
            workspace=str(self.workspace),
            home=str(self.root / "home"),
            session=str(uuid.uuid4()),
            gateway=Gateway(self.server.url, self.server.key),
        )
        return msgspec.structs.replace(given, **options)

    def agent(self, **settings: object) -> Agent:
        model = self.program.model
        config = AgentConfig(kind=self.program.kind, program=str(self.program.path), model=model, **settings)  # type: ignore[arg-type]
        return make_agent("c", config, self.root)

    def start(self, call: Call, agent: Agent | None = None) -> subprocess.Popen[bytes]:
        """The program, started; its prompt is given to it."""
        ambient = {"PATH": f"{PLACE}:{os.environ['PATH']}", "LANG": "C.UTF-8"}
        home = Path(call.home)
        prepared: Prepared = (agent or self.agent()).prepare(call, ambient)
        surroundings = environment(ambient, home) | prepared.env
        for name, text in prepared.files.items():
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            (home / name).write_text(text)
        for folder in (self.workspace, self.stdout.parent):
            folder.mkdir(exist_ok=True)
        prompt = self.root / "prompt.md"
        prompt.write_text(call.prompt if prepared.stdin else "")
        with prompt.open() as given, self.stdout.open("wb") as out, self.stdout.with_name("stderr.log").open("wb") as err:
            return self.net.call(
                lambda: subprocess.Popen(
                    prepared.argv,
                    cwd=self.workspace,
                    env=surroundings,
                    stdin=given,
                    stdout=out,
                    stderr=err,
                    start_new_session=True,
                )
            )

    def report(self, code: int, agent: Agent | None = None) -> Report:
        """What the driver makes of the call, which ended with what ``Popen`` calls its return code."""
        ended = Exit(cause="exited", code=code if code >= 0 else None, signal=-code if code < 0 else None)
        return (agent or self.agent()).report(self.stdout, ended, Tally())

    def run(self, call: Call, agent: Agent | None = None) -> Report:
        with self.start(call, agent) as process:
            try:
                code = process.wait(timeout=90)
            finally:
                process.kill()
        return self.report(code, agent=agent)
