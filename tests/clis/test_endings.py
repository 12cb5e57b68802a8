"""Through the real command line: programs that are ended from outside, and what goes on after it."""

from __future__ import annotations

import contextlib
import signal

from tests.clis.conftest import Site, each_with, quick
from tests.kit.processes import named, of, send, until
from tests.kit.script import TEXT


def mark(site: Site) -> str:
    return f"tool-{site.server.url.rpartition(':')[2]}"


@each_with("way", "cancel", "TERM")
def test_when_chargehand_is_told_to_end_it_nothing_goes_on(site: Site, way: str) -> None:
    site.prepare(f"sleep:{mark(site)}", config="[timeouts]\nkill_seconds = 1")
    with site.running() as engine:
        site.until(engine, lambda: len(named(mark(site))) >= 2, "the tool and what it left behind run")
        if way == "cancel":
            site.run("cancel", "TASK-001")
        else:
            engine.send_signal(signal.SIGTERM)
            engine.send_signal(signal.SIGINT)  # the second time means: now
    assert engine.returncode != 0
    assert named(mark(site)) == []
    assert site.landed() == []


@quick
def test_a_program_that_somebody_ended_has_done_nothing(site: Site) -> None:
    site.prepare(f"sleep:{mark(site)}", config="[retry]\nattempts = 1\n[timeouts]\nkill_seconds = 1")
    with site.running() as engine:
        site.until(engine, lambda: len(named(mark(site))) >= 2, "the tool and what it left behind run")
        main = of(site.program.kind, site.root)
        assert main
        send(main, signal.SIGINT)
        with contextlib.suppress(AssertionError):
            until(lambda: engine.poll() is not None, "it ends by itself", limit_s=8)
        send(main, signal.SIGKILL)  # some take no notice
    assert engine.returncode in (1, 4), "it failed, or nobody knows"
    assert site.states()["TASK-001"] in ("failed", "needs_human")
    assert named(mark(site)) == []
    assert site.landed() == []


@each_with("who", "agent", "run")
def test_after_a_kill_the_same_session_goes_on(site: Site, who: str) -> None:
    site.prepare("stuck", config="[retry]\nattempts = 2\n[timeouts]\nkill_seconds = 1")
    with site.running() as engine:
        site.until(
            engine, lambda: any(request.broken for request in site.server.requests), "it waits for an answer that does not come"
        )
        if who == "agent":
            send(of(site.program.kind, site.root), signal.SIGKILL)
        else:
            engine.send_signal(signal.SIGTERM)
            engine.send_signal(signal.SIGINT)  # the second time means: now
    if who == "run":
        site.run("run")
    assert len(site.outcomes()) == 2
    assert site.outcomes()[1] == "landed"
    assert (site.content("hello.txt"), site.content("hello.txt.ran")) == (TEXT.strip(), "ran")
    earlier = [request.asked.earlier for request in site.server.answered() if request.asked and request.asked.tools]
    assert earlier[0] == 0
    assert earlier[-1] >= 1, "the provider sees what was said before"
