"""Budgets hold, at once and over restarts; waits for providers cost nothing; the operator's words are obeyed."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest

from .conftest import Place
from .test_interruptions import receipting, receipts, wait_for

COSTLY = """echo '{"cost_usd": 0.40, "usage": {"input_tokens": 10, "output_tokens": 1}}'"""


def spent(place: Place) -> float:
    total: float = place.json("costs")["total"]["cost_usd"]
    return total


def rests(pid: int) -> bool:
    """Whether a process is in no busy loop."""

    def ticks() -> int:
        return sum(map(int, Path(f"/proc/{pid}/stat").read_text().split()[13:15]))

    used = ticks()
    time.sleep(2)
    return ticks() - used < 40  # of 10 ms


def test_a_cap_holds_over_parallel_calls_restarts_and_resets(place: Place) -> None:
    place.spec(*(f"TASK-{number:03d}" for number in range(1, 9)))
    settings = "jobs = 6\n[budget]\nrun_usd = 1.7\ntotal_usd = 2.5\nreserve_usd = 0.4"
    place.config(settings, agent=receipting(place, COSTLY + "; sleep 0.2"))
    done = place.run("run", "--all", code=1)
    assert done.stdout.count("not all jobs are used: run budget: ") == 1
    assert "next: chargehand costs, then chargehand run --all with more in [budget]" in done.stdout
    assert len(receipts(place)) == 4
    assert spent(place) == pytest.approx(1.6)
    place.run("run", "--all", code=1)  # the same run goes on: its cap still holds
    assert len(receipts(place)) == 4
    place.run("reset", "--yes")
    place.run("run", "--all", code=1)  # a new run, but the project's life has a cap too
    assert len(receipts(place)) == 6
    assert spent(place) == pytest.approx(2.4)


def test_raising_a_cap_is_recorded_and_lets_the_run_go_on(place: Place) -> None:
    place.spec("TASK-001", "TASK-002")
    place.config("jobs = 1\n[budget]\nreserve_usd = 0.4", agent=receipting(place, COSTLY))
    place.run("run", "--all", "--budget", "0.5", code=1)
    assert len(receipts(place)) == 1
    events = place.events("--all", "--budget", "5")
    (changed,) = [event for event in events if event["event"] == "budget.changed"]
    assert (changed["cap"], changed["old"], changed["new"]) == ("run_usd", 0.5, 5.0)
    assert changed["by"]
    assert len(receipts(place)) == 2


def test_a_call_that_reports_nothing_is_charged_what_was_set_aside(place: Place) -> None:
    place.spec("TASK-001", "TASK-002", "TASK-003")
    place.config("[budget]\nrun_usd = 2.0\nreserve_usd = 0.9", agent=receipting(place, "true"))
    place.run("run", "--all", code=1)
    assert len(receipts(place)) == 2
    total = place.json("costs")["total"]
    assert (total["cost_usd"], total["unmeasured"]) == (pytest.approx(1.8), 2)


def test_a_tasks_own_cap_stops_that_task_only(place: Place) -> None:
    place.spec("TASK-001", "TASK-002")
    place.config(
        "[retry]\nattempts = 5\n[budget]\ntask_usd = 1.0\nreserve_usd = 0.3",
        agent=receipting(place, COSTLY + "; test $CHARGEHAND_TASK_ID = TASK-002 || exit 1"),
    )
    place.run("run", "--all", code=4)
    assert receipts(place).count("TASK-001") == 2
    assert place.states() == {"TASK-001": "needs_human", "TASK-002": "landed"}
    assert "TASK-001's task budget" in place.json("why", "TASK-001")["reason"]


def test_when_the_money_is_gone_running_agents_are_ended(place: Place) -> None:
    place.spec("TASK-001", "TASK-002")
    place.config(
        "[timeouts]\nkill_seconds = 0.5\n[budget]\nrun_usd = 1.0\nreserve_usd = 0.1",
        agent=receipting(place, "test $CHARGEHAND_TASK_ID = TASK-001 && echo '{\"cost_usd\": 7.0}' && sleep 0.5 || sleep 300"),
    )
    started = time.monotonic()
    done = place.run("run", "--all", code=1)
    assert time.monotonic() - started < 60
    assert "the run budget of $1.00 is spent" in done.stdout
    assert place.states() == {"TASK-001": "landed", "TASK-002": "ready"}


def test_watch_rests_when_the_money_is_gone_and_does_what_costs_nothing(place: Place) -> None:
    place.spec("TASK-001", "TASK-002")
    place.config("jobs = 2\n[budget]\nrun_usd = 0.5\nreserve_usd = 0.4", agent=receipting(place, COSTLY))
    engine = place.start("watch")
    wait_for(lambda: place.states().get("TASK-001") == "landed")
    assert rests(engine.pid)
    assert place.json("undo", "TASK-001")["handed_over"]
    wait_for(lambda: place.states().get("undo-TASK-001") == "landed")
    place.run("stop")
    engine.communicate(timeout=30)
    assert place.states()["TASK-002"] == "ready"


def test_agents_that_cost_nothing_need_no_budget(place: Place) -> None:
    place.spec("TASK-001")
    place.config("[budget]\nrun_usd = 0.0")
    settings = place.read("chargehand.toml").replace("[agents.fake]", "[agents.fake]\npaid = false")
    place.write("chargehand.toml", settings)
    place.commit()
    place.run("run", "--all")


def test_a_rate_limit_is_waited_out_for_all_and_spends_no_try(place: Place) -> None:
    place.spec("TASK-001", "TASK-002")
    place.config(
        "jobs = 1\n[retry]\nattempts = 1",
        script=(
            '[[step]]\ntask = "TASK-001"\nattempt = 1\nerror = {kind = "rate_limit", message = "slow down", retry_after_s = 1.5}\n'
            '[[step]]\ntask = "TASK-001"\nattempt = 1\nexit = 1\n'
            '[[step]]\nshell = "echo $CHARGEHAND_TASK_ID > $CHARGEHAND_TASK_ID"\n'
        ),
    )
    events = place.events("--all")
    (paused,) = [event for event in events if event["event"] == "agent.paused"]
    claims = [event for event in events if event["event"] == "attempt.claimed"]
    assert [(claim["task"], claim["number"]) for claim in claims][:1] == [("TASK-001", 1)]
    assert all(claim["at"] >= claims[0]["at"] for claim in claims)
    after = [event["seq"] for event in claims[1:]]
    assert min(after) > paused["seq"]
    assert sorted(place.landed()) == ["TASK-001", "TASK-002"]


def test_an_agent_that_may_not_work_is_given_nothing_more(place: Place) -> None:
    place.spec("TASK-001", "TASK-002", "TASK-003")
    place.config("jobs = 1", script='[[step]]\nerror = {kind = "auth", message = "key expired"}\n[[step]]\nexit = 1\n')
    done = place.run("run", "--all", code=4)
    assert "key expired" in done.stdout
    assert place.json("status")["totals"]["attempts"] == 1
    assert list(place.states().values()).count("needs_human") == 1


def test_the_same_failure_twice_goes_to_a_stronger_agent(place: Place) -> None:
    place.spec("TASK-001")
    place.config('[retry]\nescalate = ["strong"]\n[gates.test]\ncommand = "test -e right"', agent="touch wrong")
    place.write("chargehand.toml", place.read("chargehand.toml") + '[agents.strong]\ncommand = "touch right"\n')
    place.commit()
    place.run("run", "--all")
    assert [attempt["agent"] for attempt in place.json("show", "TASK-001")["attempts"]] == ["fake", "fake", "strong"]


def test_on_failure_stop_starts_nothing_more(place: Place) -> None:
    place.spec("TASK-001", "TASK-002")
    place.config('jobs = 1\non_failure = "stop"\n[retry]\nattempts = 1', agent="exit 1")
    place.run("run", "--all", code=1)
    assert place.json("status")["totals"]["attempts"] == 1


@pytest.mark.parametrize("how", ["pause", "ctrl-backslash"])
def test_pause_edit_resume(place: Place, how: str) -> None:
    place.write(".gitignore", "spec/\n")
    place.spec("TASK-001", "TASK-002")
    place.config("jobs = 1", agent=receipting(place, "sleep 0.8"))
    engine = place.start("run", "--all")
    wait_for(lambda: receipts(place))
    if how == "pause":
        assert place.json("pause")["kind"] == "pause"
    else:
        engine.send_signal(signal.SIGQUIT)
    wait_for(lambda: place.states().get("TASK-001") == "landed")
    time.sleep(1.2)
    assert receipts(place) == ["TASK-001"]
    assert engine.poll() is None
    run = place.json("status")["run"]
    assert run["state"] == "paused"
    assert "until `chargehand resume`" in run["reason"]
    place.write("spec/tasks.md", place.read("spec/tasks.md").replace("TASK-002: Do task-002", "TASK-003: Another"))
    place.run("resume")
    out, _ = engine.communicate(timeout=30)
    assert engine.returncode == 0, out
    assert receipts(place) == ["TASK-001", "TASK-003"]


def test_stop_waits_and_cancel_ends(place: Place) -> None:
    place.spec("TASK-001", "TASK-002")
    place.config(
        "jobs = 1\n[timeouts]\nkill_seconds = 0.5",
        agent=receipting(place, "sleep 1; test $CHARGEHAND_TASK_ID = TASK-001 || sleep 300"),
    )
    engine = place.start("run", "--all")
    wait_for(lambda: receipts(place))
    place.run("stop")
    engine.communicate(timeout=30)
    assert place.landed() == ["TASK-001"]
    assert place.json("status")["run"]["state"] == "stopped"
    engine = place.start("run", "--all")
    wait_for(lambda: len(receipts(place)) == 2)
    place.run("cancel")
    engine.communicate(timeout=30)
    assert place.states()["TASK-002"] == "ready"
    assert receipts(place).count("TASK-001") == 1
    assert "no run is under way" in place.run("cancel", code=2).stderr


def test_watch_ends_by_itself_when_nothing_was_to_do_for_long_enough(place: Place) -> None:
    place.spec("TASK-001")
    place.config("[timeouts]\nidle_minutes = 0.02")
    place.run("watch")
    assert place.states() == {"TASK-001": "landed"}


def test_a_session_starts_nothing_new_when_its_time_is_over(place: Place) -> None:
    place.spec("TASK-001", "TASK-002")
    place.config("jobs = 1\n[timeouts]\nsession_minutes = 0.01", agent=receipting(place, "sleep 1"))
    place.run("run", "--all", code=None)
    assert receipts(place) == ["TASK-001"]
    assert place.json("status")["run"]["state"] == "stopped"


def test_watch_stays_for_what_becomes_ready(place: Place) -> None:
    place.write(".gitignore", "spec/\n")
    place.spec("TASK-001")
    place.config(agent=receipting(place, "true"))
    engine = place.start("watch", "--json")
    wait_for(lambda: receipts(place) == ["TASK-001"])
    text = place.read("spec/tasks.md")
    place.write("spec/tasks.md", text + "\n### TASK-002: More\n🟠 P1 | ⬜ TODO\n")
    wait_for(lambda: receipts(place) == ["TASK-001", "TASK-002"])
    wait_for(lambda: place.states().get("TASK-002") == "landed")
    assert rests(engine.pid)
    place.run("stop")
    out, _ = engine.communicate(timeout=30)
    assert json.loads(out.splitlines()[-1])["event"] == "run.finished"
