"""Each program by its driver alone: signals, workspaces that want to be obeyed, tools that are not to be had."""

from __future__ import annotations

import json
import signal

import pytest

from tests.clis.conftest import each
from tests.clis.driving import Bench
from tests.clis.programs import CANARY
from tests.kit.processes import named, send, until
from tests.kit.script import FINAL, TEXT


@each
def test_an_answer_fits_the_schema_asked_for(bench: Bench) -> None:
    schema = {
        "type": "object",
        "properties": {"verdict": {"type": "string", "enum": ["pass", "fail"]}},
        "required": ["verdict"],
        "additionalProperties": False,
    }
    bench.server.scenario = 'answer:{"verdict":"pass"}'
    report = bench.run(bench.call("Judge it.", schema=json.dumps(schema), read_only=True))
    assert report.finished
    assert json.loads(report.answer) == {"verdict": "pass"}


@each
def test_who_may_only_read_writes_nothing(bench: Bench) -> None:
    report = bench.run(bench.call("Look at it.", read_only=True))
    assert not (bench.workspace / "hello.txt").exists()
    assert not (bench.workspace / "hello.txt.ran").exists()
    assert report.answer == FINAL, "it was told that it may not, and said its last word"


@each
def test_a_session_that_is_not_there_is_told_apart(bench: Bench) -> None:
    report = bench.run(bench.call("Go on.", resume="5d0c8f0e-0f5e-4a6e-9a35-1f1f6c1d7a10"))
    assert (report.error and report.error.kind, report.session) == ("session_lost", "")
    assert (report.usage.input_tokens, report.usage.cost_usd) == (0, 0.0)
    assert not bench.server.answered()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["TERM", "INT"])
@each
def test_ended_by_a_signal_is_never_taken_for_done(bench: Bench, number: signal.Signals) -> None:
    mark = f"chargehand-{bench.server.url.rpartition(':')[2]}-{number}"
    bench.server.scenario = f"sleep:{mark}"
    with bench.start(bench.call("Do it.")) as process:
        until(lambda: named(f"{mark}-near"), "the tool runs")
        process.send_signal(number)
        try:
            process.wait(timeout=8)  # some take no notice of it
        finally:
            process.kill()
            code = process.wait()
            send(named(mark), signal.SIGKILL)
    assert (bench.workspace / "hello.txt").read_text() == TEXT, "there would be something to land"
    assert bench.report(code).finished is not True


def hostile(bench: Bench) -> None:
    for path, text in bench.program.hostile.items():
        file = bench.workspace / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.replace(CANARY, str(bench.root / "canary")))


@each
def test_what_a_workspace_wants_run_is_not_run(bench: Bench) -> None:
    hostile(bench)
    report = bench.run(bench.call("Do it."))
    assert [file.name for file in bench.root.glob("canary.*")] == []
    if bench.program.refuses:
        assert report.error
        assert report.error.kind == "permission"
    else:
        assert report.finished
        assert (bench.workspace / "hello.txt").read_text() == TEXT


@each
def test_it_would_be_run_in_a_workspace_that_is_trusted(bench: Bench) -> None:
    """So the test above can fail."""
    hostile(bench)
    with bench.start(bench.call("Do it.", trusted=True)) as process:
        try:
            until(lambda: [*bench.root.glob("canary.*")], "something of it runs")
        finally:
            process.kill()
