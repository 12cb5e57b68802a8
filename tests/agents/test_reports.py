"""What a transcript reports of tokens and money."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chargehand.agents.reports import ABSURD, LINE_LIMIT, read_report
from chargehand.model.work import Usage


def transcript(tmp_path: Path, *lines: str | bytes) -> Path:
    path = tmp_path / "stdout.log"
    path.write_bytes(b"\n".join(line if isinstance(line, bytes) else line.encode() for line in lines))
    return path


def test_reports_add_up_among_other_output(tmp_path: Path) -> None:
    path = transcript(
        tmp_path,
        "thinking about usage",
        '{"usage": {"input_tokens": 100, "output_tokens": 20}, "cost_usd": 0.25}',
        '{"type": "message", "text": "the \\"usage\\" is high"}',
        '{"type": "end", "usage": {"input_tokens": 11, "cache": {"deep": [1]}}, "cost_usd": 1}\r',
        '  {"usage": {"input_tokens": 5000}}',
        '[{"usage": {"input_tokens": 5000}}]',
    )
    assert read_report(path).usage == Usage(input_tokens=111, output_tokens=20, cost_usd=1.25)


def test_nothing_reported_is_not_zero(tmp_path: Path) -> None:
    assert read_report(transcript(tmp_path, "hello", "{}", '{"usage": null}')).usage == Usage()
    assert read_report(transcript(tmp_path, '{"usage": {"input_tokens": 0}}')).usage == Usage(input_tokens=0)


@pytest.mark.parametrize("name", ["missing.log", "folder"])
def test_no_file_to_read(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    assert read_report(tmp_path / name).usage == Usage()


@pytest.mark.parametrize("bad", ["-1", '"7"', "1.5", "true", "null", "[]", "{}", "1000000000001", "9" * 400, "1e400"])
def test_a_bad_count_does_not_hide_the_good_ones(tmp_path: Path, bad: str) -> None:
    path = transcript(tmp_path, f'{{"usage": {{"input_tokens": {bad}, "output_tokens": 3}}, "cost_usd": 2}}', '{"cost_usd": 1}')
    assert read_report(path).usage.input_tokens is None
    assert read_report(path).usage.cost_usd in (1, 3)  # a number that is no JSON value costs its own line, never the next


@pytest.mark.parametrize("bad", ["-0.01", '"7"', "true", "null", "[]", "1e13", "NaN", "Infinity", "1e400"])
def test_bad_money_is_ignored(tmp_path: Path, bad: str) -> None:
    path = transcript(tmp_path, f'{{"cost_usd": {bad}}}', '{"usage": {"output_tokens": 4}}')
    assert read_report(path).usage == Usage(output_tokens=4)


@pytest.mark.parametrize(
    "line",
    [
        b'{"usage": ' + b"[" * 100_000,
        b'{"usage": {"input_tokens": 1}',
        b'{"usage": {"input_tokens": 1}, "x": "\xff\xfe"}',
        b'{"usage"',
    ],
)
def test_broken_lines_are_passed_over(tmp_path: Path, line: bytes) -> None:
    assert read_report(transcript(tmp_path, line, '{"cost_usd": 1}')).usage.cost_usd == 1


def test_long_lines_are_no_reports_and_memory_stays_flat(tmp_path: Path) -> None:
    def report(size: int) -> bytes:
        start, end = b'{"cost_usd": 1, "text": "', b'"}\n'
        return start + b"x" * (size - len(start) - len(end)) + end

    path = tmp_path / "stdout.log"
    with path.open("wb") as file:
        file.write(report(LINE_LIMIT - 1))
        file.write(report(50 * 1024 * 1024))
        file.write(report(LINE_LIMIT))
        file.write(report(2 * LINE_LIMIT))
        file.write(report(LINE_LIMIT + 2))  # with its end, which does not count
        file.write(b'{"cost_usd": 8}\n')
    tracemalloc.start()
    usage = read_report(path).usage
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert usage.cost_usd == 10  # the first, the one of exactly the limit, and the last
    assert peak < 8 * LINE_LIMIT


def test_the_rest_of_a_long_line_is_no_line(tmp_path: Path) -> None:
    path = transcript(tmp_path, b"x" * LINE_LIMIT + b'{"cost_usd": 7}', b'{"cost_usd": 1}')
    assert read_report(path).usage.cost_usd == 1


values = st.one_of(st.integers(), st.floats(), st.text(max_size=5), st.none(), st.booleans(), st.lists(st.integers(), max_size=2))
reports = st.fixed_dictionaries(
    {}, optional={"usage": values | st.dictionaries(st.sampled_from(["input_tokens", "output_tokens"]), values), "cost_usd": values}
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(st.one_of(st.binary(max_size=30), reports), max_size=6))
def test_any_transcript_gives_sane_numbers(tmp_path: Path, lines: list[Any]) -> None:
    written = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    usage = read_report(transcript(tmp_path, *written)).usage
    for value in (usage.input_tokens, usage.output_tokens, usage.cost_usd):
        assert value is None or 0 <= value <= ABSURD * 6


amounts = st.tuples(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**4))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(reports=st.lists(amounts, min_size=1, max_size=6), noise=st.text(max_size=30))
def test_the_sum_is_the_sum(tmp_path: Path, reports: list[tuple[int, int, int]], noise: str) -> None:
    lines = []
    for given_in, given_out, cost in reports:
        lines += [
            json.dumps({"usage": {"input_tokens": given_in, "output_tokens": given_out}, "cost_usd": cost}),
            " " + noise.replace("\n", ""),
        ]
    total = [sum(column) for column in zip(*reports, strict=True)]
    assert read_report(transcript(tmp_path, *lines)).usage == Usage(total[0], total[1], total[2])
