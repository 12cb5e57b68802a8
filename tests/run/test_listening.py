"""Listening to a run from another terminal: what agents say, what happens, what stands where."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from .conftest import Place
from .test_terminal import watch

SLOW = """printf 'first \\033[31mred\\033[0m\\n'; mkdir -p out; while ! test -e "$GO"; do sleep 0.05; done
echo second; echo '{"error": {"kind": "rate_limit", "message": "too much"}}'; echo x > out/$CHARGEHAND_TASK_ID"""


@contextmanager
def running(place: Place) -> Iterator[None]:
    """A run whose agent has begun, and ends when this does."""
    place.spec("TASK-001")
    go = place.root.parent / "go"
    place.config(agent=SLOW.replace("$GO", str(go)))
    with place.start("run", "--all", "--json") as run:
        assert run.stdout
        for line in run.stdout:
            if json.loads(line)["event"] == "attempt.claimed":
                break
        drain = threading.Thread(target=run.stdout.read)
        drain.start()
        try:
            yield
        finally:
            go.touch()
            drain.join(60)


def test_events_and_status_are_followed_until_the_run_ends(place: Place) -> None:
    with running(place):
        followers = [place.start(*words) for words in (["events", "--follow", "--json"], ["status", "--watch", "--json"])]
        for follower in followers:
            assert follower.stdout
            assert follower.stdout.readline().startswith("{"), "it tells what is known before the end"
        assert all(follower.poll() is None for follower in followers)
    # Not communicate(), which passes over what readline() has read ahead.
    events, statuses = ([json.loads(line) for line in one.stdout or ()] for one in followers)
    for follower in followers:
        follower.communicate(timeout=60)
    assert events[-1]["event"] == "run.finished"
    assert [event["seq"] for event in events] == sorted({event["seq"] for event in events})
    assert statuses[-1]["run"]["state"] == "finished"
    assert [follower.returncode for follower in followers] == [0, 0]

    everything = [json.loads(line) for line in place.run("events", "--json").stdout.splitlines()]
    assert events == everything[1:], "nothing is told twice and nothing is left out"
    assert {event["task"] for event in map(json.loads, place.run("events", "-t", "TASK-001", "--json").stdout.splitlines())} == {
        "TASK-001"
    }
    assert place.run("events", "--after", str(everything[-2]["seq"]), "--json").stdout.count("\n") == 1
    assert "TASK-001  landed as" in place.run("events").stdout
    assert "the last one is r1" in place.run("events", "--run", "r7", code=2).stderr


def test_an_agent_is_listened_to_while_it_works(place: Place) -> None:
    with running(place):
        follower = place.start("logs", "TASK-001", "--follow")
        assert follower.stdout
        assert follower.stdout.readline() == "first red\n"
    out = follower.stdout.read()
    follower.communicate(timeout=60)
    assert out == "second\nerror: too much\n"
    assert follower.returncode == 0
    assert place.run("logs", "TASK-001").stdout == "first red\nsecond\nerror: too much\n"
    assert "\x1b[31mred" in place.run("logs", "TASK-001", "--raw").stdout
    assert place.run("logs", "TASK-001", "--prompt").stdout.startswith("#")


def test_status_is_drawn_in_place_on_a_terminal(place: Place) -> None:
    with running(place):
        stop = threading.Timer(2.0, (place.root.parent / "go").touch)
        stop.start()
        screens, written, code = watch(place, "status", "--watch")
        stop.join()
    assert code == 0
    last = "\n".join(screens[-1])
    assert last.count("run r1: finished") == 1
    assert "running" not in last
    assert "TASK-001" in last
    assert b"\x1b[2J" not in written


def test_ctrl_c_ends_only_the_looking(place: Place) -> None:
    with running(place):
        looker = place.start("status", "--watch")
        assert looker.stdout
        looker.stdout.readline()
        looker.send_signal(signal.SIGINT)
        looker.communicate(timeout=60)
        assert looker.returncode == 0
        assert place.json("status")["run"]["state"] == "running"
    assert place.states() == {"TASK-001": "landed"}
