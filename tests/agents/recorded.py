"""Streams that the real programs wrote (``streams/<kind>/<version>/<case>``), and what a driver must make of each."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from chargehand.agents.registry import make_agent
from chargehand.model.config import AgentConfig, AgentKind
from chargehand.model.signals import Signal
from chargehand.model.work import Exit, Report, Tally, Tokens
from chargehand.ports import Agent, Call, Gateway, Prepared

STREAMS = Path(__file__).parent / "streams"
GATE = Gateway("http://127.0.0.1:4545", "worthless")
DONE = "I wrote hello.txt and ran the check.\n\nTASK_COMPLETE"
OURS = {"killed"}
"""Cases that were ended from outside."""

NOISE = [
    b"npm notice a new version is out",
    b'{"type":"brand_new_thing","payload":{"deep":[1,2,3]}}',
    b'{"type":"result"',
    b'{"type":["result"]}',
    b'{"type":"message","role":17}',
    b'{"type":"message_end","message":[]}',
    b'{"type":"step_finish","part":"x"}',
    b"\xff\xfe\x00",
    b"{" + b'"a":{' * 5000,
    b"[]",
    b"",
]


class Recorded:
    """The recordings of one kind, all of one version."""

    def __init__(self, kind: AgentKind, **settings: Any) -> None:
        self.kind, self.settings = kind, settings
        [self.folder] = (STREAMS / kind).iterdir()

    def agent(self, **settings: Any) -> Agent:
        return make_agent(self.kind, AgentConfig(kind=self.kind, **(self.settings | settings)), Path("/"))

    def prepared(self, ambient: dict[str, str] | None = None, settings: dict[str, Any] | None = None, **call: Any) -> Prepared:
        given: dict[str, Any] = {"prompt": "/p/prompt.md", "workspace": "/w", "home": "/h", "gateway": GATE}
        return self.agent(**(settings or {})).prepare(Call(**(given | call)), ambient or {})

    def cases(self) -> set[str]:
        return {path.stem for path in self.folder.glob("*.jsonl")}

    def text(self, case: str) -> bytes:
        return (self.folder / f"{case}.jsonl").read_bytes()

    def ended(self, case: str) -> Exit:
        code = int((self.folder / f"{case}.exit").read_text())
        if code >= 0:
            return Exit(cause="exited", code=code)
        return Exit(cause="timeout" if case in OURS else "exited", signal=-code)

    def report(self, place: Path, case: str, text: bytes | None = None, exit_: Exit | None = None) -> Report:
        """What the driver says of a recording, or of ``text`` in its place."""
        (place / "stdout.log").write_bytes(self.text(case) if text is None else text)
        if (errors := self.folder / f"{case}.stderr").exists():
            shutil.copy(errors, place / "stderr.log")
        return self.agent().report(place / "stdout.log", exit_ or self.ended(case), Tally())

    def signals(self, case: str) -> list[Signal]:
        agent = self.agent()
        return [signal for line in self.text(case).splitlines() for signal in agent.signals(line)]

    def check(self, place: Path, case: str, expected: tuple[bool, str, dict[str, Any]]) -> None:
        """``expected``: whether it finished, the kind of its error, and fields of the report; ``message`` is a part of the error's,
        ``tokens`` those of the call."""
        finished, error, more = expected
        got = self.report(place, case)
        assert (got.finished, got.error.kind if got.error else "") == (finished, error), got
        assert more.get("message", "") in (got.error.message if got.error else "")
        assert got.total.tokens == more.get("tokens", got.total.tokens)
        assert got.answer == more.get("answer", got.answer)
        assert got.denied == more.get("denied", ())
        assert got.turns == more.get("turns", got.turns)
        if "cost" in more:
            assert got.usage.cost_usd == more["cost"]

    def check_cut(self, place: Path, case: str = "ok") -> None:
        """A stream without its end is never a pass."""
        lines = self.text(case).splitlines(keepends=True)
        last = max(at for at, line in enumerate(lines) if any(told.kind == "final" for told in self.agent().signals(line)))
        for kept in range(last + 1):
            got = self.report(place, case, text=b"".join(lines[:kept]), exit_=Exit(cause="exited", code=0))
            assert got.finished is False, lines[kept - 1]
            assert got.error
            assert got.error.kind == "unreadable"
        torn = b"".join(lines[: last + 1])[:-20]
        assert self.report(place, case, text=torn).finished is False

    def check_noise(self, place: Path, case: str = "ok") -> None:
        """What it cannot know does not disturb."""
        mixed = b"\r\n".join(piece for line in self.text(case).splitlines() for piece in (*NOISE, line))
        assert self.report(place, case, text=mixed) == self.report(place, case)

    def check_exit(self, place: Path, case: str = "ok") -> None:
        """A good stream with a bad exit is no pass; one that lingers after its last word has finished; none at all says nothing."""
        bad = self.report(place, case, exit_=Exit(cause="exited", code=3))
        assert bad.finished is False
        assert bad.error
        assert self.report(place, case, exit_=Exit(cause="cancelled", signal=15)).finished is False
        assert self.report(place, case, exit_=Exit(cause="stall", signal=9)).finished is True
        (place / "stdout.log").unlink()
        none = self.agent().report(place / "stdout.log", Exit(cause="exited", code=0), Tally())
        assert (none.finished, none.error and none.error.kind) == (False, "unreadable")


def after(made: Prepared, flag: str) -> str:
    return made.argv[made.argv.index(flag) + 1]


def used(steps: int, *, thought: int = 0, written: int = 0) -> Tokens:
    """What the scripted model charges for so many requests."""
    return Tokens(input=1200 * steps, cached=800 * steps, cache_write=written * steps, output=(42 + thought) * steps)
