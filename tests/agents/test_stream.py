"""Lines from bytes, signals from lines: fast, and whatever the sizes."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargehand.agents.registry import make_agent
from chargehand.agents.stream import LONG, Lines, Reader, read_lines, short
from chargehand.model.config import AgentConfig
from chargehand.model.signals import Signal
from chargehand.model.work import Exit, Tally

MB = 1024 * 1024


class _Said(msgspec.Struct):
    text: str


def _said(event: _Said) -> Iterator[Signal]:
    yield Signal(kind="text", text=event.text)


READER = Reader({"say": (_Said, _said), "bulk": (_Said, _said)}, bulk=rb'"type":"bulk"')


@settings(max_examples=200, deadline=None)
@given(pieces=st.lists(st.binary(max_size=12).map(lambda data: data.replace(b"x", b"\n")), max_size=12))
def test_lines_do_not_depend_on_the_pieces(pieces: list[bytes]) -> None:
    lines = Lines()
    got = [line for piece in pieces for line in lines.feed(piece)]
    assert [*got, lines.rest()] == b"".join(pieces).split(b"\n")


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("size", [LONG - 1, LONG, LONG + 1, 3 * LONG])
@pytest.mark.parametrize("step", [1000, 65536, LONG])
def test_a_long_line_is_kept_when_its_head_matters(keep: bool, size: int, step: int) -> None:
    heads = []

    def decide(head: bytes) -> bool:
        heads.append(head)
        return keep

    line = b"head" + b"x" * (size - 4)
    data = b"before\n" + line + b"\nafter\n"
    lines = Lines(decide)
    got = [each for start in range(0, len(data), step) for each in lines.feed(data[start : start + step])]
    assert got[0] == b"before"
    assert got[2] == b"after"
    assert got[1] == (line if keep or size <= LONG else b"")
    assert [head[:4] for head in heads] == ([b"head"] if size > LONG else [])


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (b'{"type":"say","text":"a"}', "a"),
        (b' { "type" : "say" , "text":"a"}\r', "a"),
        (b'{"text":"a","deep":{"type":"bulk"},"type":"say"}', "a"),
        (b'{"type":"say","text":"\\u00e4","more":[1,{"x":2}]}', "ä"),
        (b'{"type":"bulk","text":"short ones matter"}', "short ones matter"),
    ],
)
def test_a_line_is_understood_wherever_its_type_is(line: bytes, text: str) -> None:
    assert [signal.text for signal in READER.signals(line)] == [text]


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"plain text",
        b"{",
        b'{"type":"say"}',
        b'{"type":"say","text":1}',
        b'{"type":"say","text":"a"',
        b'{"type":"other","text":"a"}',
        b'{"text":"a"}',
        b'{"type":1,"text":"a"}',
        b'["say"]',
        b'{"type":"say","text":"\xff"}',
        b'{"type":"say","x":' + b"[" * 100_000,
    ],
)
def test_a_line_nobody_knows_tells_nothing(line: bytes) -> None:
    assert list(READER.signals(line)) == []


def test_only_long_lines_that_matter_are_read(tmp_path: Path) -> None:
    path = tmp_path / "log"
    long = "y" * (2 * LONG)
    with path.open("w") as file:
        for type_ in ("bulk", "other", "say"):
            file.write(json.dumps({"type": type_, "text": type_ + long}, separators=(",", ":")) + "\n")
        file.write(long + "\n")
        file.write(json.dumps({"text": "last" + long, "type": "say"}))
    assert [signal.text[:4] for signal in READER.read(path)] == ["sayy", "last"]


def test_memory_stays_flat_beside_huge_tool_results(tmp_path: Path) -> None:
    path = tmp_path / "stdout.log"
    filler = json.dumps({"type": "user", "message": {"content": [{"type": "tool_result", "content": "z" * 500}]}}).encode() + b"\n"
    with path.open("wb") as file:
        file.write(b'{"type":"user","message":{"content":[{"type":"tool_result","content":"')
        for _ in range(50):
            file.write(b"x" * MB)
        file.write(b'"}]}}\n')
        file.writelines([filler] * 20_000)
        file.write(b'{"is_error":false,"subtype":"success","result":"well","total_cost_usd":0.5,"type":"result"}\n')
    claude = make_agent("c", AgentConfig(kind="claude"), tmp_path)
    tracemalloc.start()
    report = claude.report(path, Exit(cause="exited", code=0), Tally())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (report.finished, report.answer, report.usage.cost_usd) == (True, "well", 0.5)
    assert peak < 16 * MB


def test_a_last_word_of_fifty_megabytes_is_understood(tmp_path: Path) -> None:
    path = tmp_path / "stdout.log"
    with path.open("wb") as file:
        file.write(b'{"is_error":false,"subtype":"success","result":"')
        for _ in range(50):
            file.write(b"x" * MB)
        file.write(b'","total_cost_usd":0.5,"type":"result"}\n')
    report = make_agent("c", AgentConfig(kind="claude"), tmp_path).report(path, Exit(cause="exited", code=0), Tally())
    assert (report.finished, report.usage.cost_usd, report.answer[:3]) == (True, 0.5, "xxx")
    assert len(report.answer) == 1_000_000


@pytest.mark.parametrize("name", ["missing", "folder"])
def test_nothing_to_read(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    assert [line for line in read_lines(tmp_path / name) if line] == []


def test_short_is_one_line() -> None:
    assert short("a\n  b\tc") == "a b c"
    assert short({"path": "x"}) == '{"path":"x"}'
    assert len(short("x" * 10_000)) == 400
