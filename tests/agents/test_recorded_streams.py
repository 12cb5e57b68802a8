"""What the drivers make of streams that the real programs wrote (``streams/<kind>/<version>``), and of what may become of such."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from chargehand.agents.registry import make_agent
from chargehand.model.config import AgentConfig
from chargehand.model.work import Exit, Report, Tally, Tokens, Usage
from chargehand.ports import Agent

STREAMS = Path(__file__).parent / "streams"
MODELS = {"claude": "claude-sonnet-4-5", "codex": "gpt-5.4"}
DONE = "I wrote hello.txt and ran the check.\n\nTASK_COMPLETE"
JSON = '{"status": "done", "files": ["hello.txt"]}'
SUM = Tally(Tokens(input=3600, cached=2400, cache_write=900, output=126), 0.016785)
"""What a claude session had used when it was resumed or forked."""
CODEX_SUM = Tally(Tokens(input=3600, cached=2400, output=126), 0.01149)

# kind: case: (finished, kind of the error, more)
EXPECTED: dict[str, dict[str, tuple[bool, str, dict[str, Any]]]] = {
    "claude": {
        "ok": (True, "", {"answer": DONE, "usage": Usage(6900, 126, 0.016785), "turns": 3, "total": SUM}),
        "resume": (True, "", {"answer": "again", "usage": Usage(2300, 42, 0.005595), "before": SUM}),
        "fork": (True, "", {"answer": "forked", "usage": Usage(4600, 84, 0.01119), "before": SUM}),
        "resume_unknown": (False, "session_lost", {"message": "No conversation found"}),
        "400": (False, "crash", {"message": "400 bad request"}),
        "401": (False, "auth", {"message": "Invalid API key"}),
        "402": (False, "quota", {"message": "Credit balance"}),
        "403": (False, "auth", {"message": "403 forbidden"}),
        "404": (False, "model_not_found", {"message": "selected model"}),
        "429": (False, "rate_limit", {"message": "429"}),
        "429_later": (False, "rate_limit", {"message": "429"}),
        "500": (False, "server", {"message": "500"}),
        "503": (False, "capacity", {"message": "503"}),
        "529": (False, "capacity", {"message": "Overloaded"}),
        "too_long": (False, "context_overflow", {"message": "too long"}),
        "cut": (True, "", {"answer": DONE, "usage": Usage(9200, 133, 0.021855)}),
        "unknown_tool": (True, "", {"answer": DONE}),
        "empty": (False, "empty", {"answer": ""}),
        "max_turns": (False, "turn_limit", {"message": "turns", "usage": Usage(4600, 84, 0.01119)}),
        "sigterm": (False, "crash", {"message": "143", "usage": Usage(2300, 1, 0.00498)}),
        "sigint": (False, "crash", {"message": "interrupted"}),
        "killed": (False, "", {"usage": Usage(2300, 1, 0.00498)}),
        "schema": (True, "", {"answer": '{"status":"done","files":["hello.txt"]}'}),
        "read_only": (True, "", {"answer": DONE}),
        "denied": (False, "permission", {"message": "Write, Bash", "denied": ("Write", "Bash")}),
        "bad_flag": (False, "crash", {"message": "unknown option"}),
        "network": (False, "network", {"message": "ECONNREFUSED"}),
        "no_login": (False, "auth", {"message": "Not logged in"}),
    },
    "codex": {
        "ok": (True, "", {"answer": DONE, "usage": Usage(6000, 126, 0.01149), "total": CODEX_SUM}),
        "resume": (True, "", {"answer": "again", "usage": Usage(2000, 42, 0.00383), "before": CODEX_SUM}),
        "fork": (True, "", {"answer": "forked", "usage": Usage(4000, 84, 0.00766), "before": CODEX_SUM}),
        "resume_unknown": (False, "session_lost", {"message": "no rollout found"}),
        "401": (False, "auth", {"message": "401 Unauthorized"}),
        "402": (False, "quota", {"message": "402"}),
        "403": (False, "auth", {"message": "403"}),
        "404": (False, "model_not_found", {"message": "404"}),
        "429": (False, "rate_limit", {"message": "429"}),
        "429_later": (False, "rate_limit", {"message": "429"}),
        "500": (False, "capacity", {"message": "high demand"}),
        "503": (False, "capacity", {"message": "503"}),
        "529": (False, "capacity", {"message": "529"}),
        "too_long": (False, "context_overflow", {"message": "ran out of room"}),
        "cut": (False, "network", {"message": "disconnected"}),
        "unknown_tool": (True, "", {"answer": DONE}),
        "empty": (False, "empty", {"answer": ""}),
        "sigterm": (False, "crash", {"message": "signal 15"}),
        "sigint": (False, "crash", {"message": "rollout"}),
        "killed": (False, "", {"usage": Usage()}),
        "schema": (True, "", {"answer": JSON}),
        "read_only": (True, "", {"answer": DONE}),
        "bad_flag": (False, "crash", {"message": "unexpected argument"}),
        "network": (False, "network", {"message": "waiting for network"}),
    },
}
NOTHING = Tally()
LOST = {"resume_unknown", "401", "500", "529", "network"}
KILLED_BY_US = {"killed", "network"}
RECORDED = [
    pytest.param(path, id="-".join((*path.parts[-3:-1], path.stem)))
    for kind in EXPECTED
    for path in sorted((STREAMS / kind).glob("*/*.jsonl"))
]


def agent(kind: str) -> Agent:
    return make_agent(kind, AgentConfig(kind=kind, model=MODELS[kind]), Path("/"))  # type: ignore[arg-type]


def ended(path: Path) -> Exit:
    code = int(path.with_suffix(".exit").read_text())
    if code < 0:
        return Exit(cause="timeout" if path.stem in KILLED_BY_US else "exited", signal=-code)
    return Exit(cause="exited", code=code)


def report(tmp_path: Path, path: Path, before: Tally = NOTHING, text: bytes | None = None, exit_: Exit | None = None) -> Report:
    """What the driver says of a recorded stream, or of ``text`` in its place."""
    (tmp_path / "stdout.log").write_bytes(path.read_bytes() if text is None else text)
    if path.with_suffix(".stderr").exists():
        shutil.copy(path.with_suffix(".stderr"), tmp_path / "stderr.log")
    return agent(path.parts[-3]).report(tmp_path / "stdout.log", exit_ or ended(path), before)


@pytest.mark.parametrize("path", RECORDED)
def test_a_recorded_stream_is_understood(tmp_path: Path, path: Path) -> None:
    finished, error, more = EXPECTED[path.parts[-3]][path.stem]
    got = report(tmp_path, path, more.get("before", Tally()))
    assert (got.finished, got.error.kind if got.error else "") == (finished, error)
    assert more.get("message", "") in (got.error.message if got.error else "")
    assert got.answer == more.get("answer", got.answer)
    assert got.denied == more.get("denied", ())
    assert got.turns == more.get("turns", got.turns)
    if "usage" in more:
        want: Usage = more["usage"]
        assert (got.usage.input_tokens, got.usage.output_tokens) == (want.input_tokens, want.output_tokens)
        assert got.usage.cost_usd == (want.cost_usd and pytest.approx(want.cost_usd))
    if "total" in more:
        assert got.total.tokens == more["total"].tokens
        assert got.total.cost_usd == pytest.approx(more["total"].cost_usd)
    if finished:
        assert got.session
    if path.stem in LOST:
        assert got.session == "", "no model ever said anything in it"


def test_every_expectation_has_its_recording() -> None:
    for kind, cases in EXPECTED.items():
        for version in (STREAMS / kind).iterdir():
            assert {path.stem for path in version.glob("*.jsonl")} == set(cases), version


def test_recordings_tell_nothing_of_where_they_were_made() -> None:
    for path in (*STREAMS.rglob("*.jsonl"), *STREAMS.rglob("*.stderr")):
        text = path.read_text()
        for word in ("/tmp/", "/root", "/home/", "/work"):
            assert word not in text, path
        assert len(text) < 32 * 1024, path


GOOD = [parameter for parameter in RECORDED if str(parameter.id).endswith(("-ok", "-schema"))]


@pytest.mark.parametrize("path", GOOD)
def test_a_stream_without_its_end_is_never_a_pass(tmp_path: Path, path: Path) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    for kept in range(len(lines)):
        got = report(tmp_path, path, text=b"".join(lines[:kept]))
        assert got.finished is False
        assert got.error
        assert got.error.kind == "unreadable"
    torn = b"".join(lines)[:-200]
    assert report(tmp_path, path, text=torn).finished is False


@pytest.mark.parametrize("path", GOOD)
def test_what_it_cannot_know_does_not_disturb(tmp_path: Path, path: Path) -> None:
    noise = [
        b"npm notice a new version is out",
        b'{"type":"brand_new_thing","payload":{"deep":[1,2,3]}}',
        b'{"type":"result"',
        b'{"type":["result"]}',
        b'{"type":"assistant","message":17}',
        b'{"type":"item.completed","item":[]}',
        b"\xff\xfe\x00",
        b"{" + b'"a":{' * 5000,
        b"[]",
        b"",
    ]
    lines = path.read_bytes().splitlines()
    mixed = b"\r\n".join(piece for line in lines for piece in (*noise, line))
    assert report(tmp_path, path, text=mixed) == report(tmp_path, path)


@pytest.mark.parametrize("path", GOOD)
def test_a_good_stream_with_a_bad_exit_is_no_pass(tmp_path: Path, path: Path) -> None:
    got = report(tmp_path, path, exit_=Exit(cause="exited", code=3))
    assert got.finished is False
    assert got.error
    assert report(tmp_path, path, exit_=Exit(cause="cancelled", signal=15)).finished is False
    assert report(tmp_path, path, exit_=Exit(cause="lost")).finished is False


@pytest.mark.parametrize("kind", EXPECTED)
def test_a_program_that_lingers_after_its_last_word_has_finished(tmp_path: Path, kind: str) -> None:
    [path] = (STREAMS / kind).glob("*/ok.jsonl")
    assert report(tmp_path, path, exit_=Exit(cause="stall", signal=9)).finished is True


@pytest.mark.parametrize("kind", EXPECTED)
def test_no_stream_at_all(tmp_path: Path, kind: str) -> None:
    got = agent(kind).report(tmp_path / "stdout.log", Exit(cause="exited", code=0), Tally())
    assert (got.finished, got.error and got.error.kind) == (False, "unreadable")
    got = agent(kind).report(tmp_path / "stdout.log", Exit(cause="not_started", error="no such file"), Tally())
    assert (got.finished, got.error) == (False, None)


LIVE = {
    "claude": ["session", "tool", "file", "usage", "tool_result", "tool", "usage", "tool_result", "text", "usage", "final"],
    "codex": ["session", "thinking", "tool", "tool_result", "tool", "tool_result", "text", "final"],
}


@pytest.mark.parametrize("kind", LIVE)
def test_its_lines_tell_what_happens(kind: str) -> None:
    [path] = (STREAMS / kind).glob("*/ok.jsonl")
    told = [signal for line in path.read_bytes().splitlines() for signal in agent(kind).signals(line)]
    assert [signal.kind for signal in told] == LIVE[kind]
    [said] = [signal.text for signal in told if signal.kind == "text"]
    assert said == DONE
    assert any("shell-ran" in signal.text for signal in told if signal.kind == "tool")
