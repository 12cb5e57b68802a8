"""Which cage is taken, what is said without one, and what the cage of containers does as far as no engine is needed for it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.process.process_room import Room as Launches
from tests.process.process_room import room_fixture, until  # noqa: F401

from chargehand.model.errors import EnvironmentProblem
from chargehand.ports import Launch, Room
from chargehand.process import inside
from chargehand.process.bubblewrap import keeper
from chargehand.process.cage import NoCage, choose, unprotected
from chargehand.process.container import Container


@pytest.fixture
def empty_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    place = tmp_path / "bin"
    place.mkdir()
    monkeypatch.setenv("PATH", str(place))
    return place


def test_bubblewrap_is_taken_where_it_works(require: Callable[..., str]) -> None:
    require("bwrap", "--ro-bind", "/", "/", "--unshare-all", "--proc", "/proc", "true")
    assert choose("auto").name == choose("bwrap").name == "bwrap"
    assert unprotected(choose("auto")) == ""


def test_auto_goes_without_and_says_why(empty_path: Path) -> None:
    cage = choose("auto")
    assert cage.name == "none"
    said = unprotected(cage)
    assert "bubblewrap was not found on PATH" in said
    assert "run with your rights" in said


@pytest.mark.parametrize(("kind", "word"), [("bwrap", "bubblewrap"), ("container", "docker")])
def test_a_cage_that_was_asked_for_is_an_error_when_it_is_not_there(empty_path: Path, kind: str, word: str) -> None:
    with pytest.raises(EnvironmentProblem) as caught:
        choose(kind)  # type: ignore[arg-type]
    assert word in caught.value.message
    assert caught.value.hint.startswith("install")


def test_none_changes_nothing() -> None:
    launch = Launch(argv=("a",), cwd="/", env={}, directory="/d")
    cage = choose("none")
    assert isinstance(cage, NoCage)
    assert cage.wrap(launch, Room(writable=("/",))) == launch
    assert "it was chosen so" in unprotected(cage)


def test_an_engine_without_its_daemon_is_told_honestly(empty_path: Path) -> None:
    (empty_path / "docker").write_text("#!/bin/sh\necho 'Cannot connect to the Docker daemon' >&2; exit 1\n")
    (empty_path / "docker").chmod(0o755)
    said = Container().preflight()
    assert said.startswith("docker does not work here: Cannot connect to the Docker daemon")
    assert "hint:" in said


def test_what_an_engine_is_asked_for(tmp_path: Path) -> None:
    for name in ("work", "home/tmp", "a,b"):
        (tmp_path / name).mkdir(parents=True)
    env = {"PATH": "/usr/bin", "HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path / "home/tmp"), "SECRET": "hunter2"}
    launch = Launch(argv=("agent", "--flag"), cwd=str(tmp_path / "work"), env=env, directory=str(tmp_path / "d"))
    room = Room(writable=(str(tmp_path / "work"),), readable=(str(tmp_path / "a,b"),), hidden=(str(tmp_path),))
    caged = Container().wrap(launch, room)
    line = " ".join(caged.argv)
    for part in ("--network none", "--read-only", "--cap-drop ALL", "no-new-privileges", "--pids-limit 4096", "--env SECRET"):
        assert part in line
    assert f"type=bind,source={tmp_path}/work,target={tmp_path}/work " in line
    assert f'type=bind,"source={tmp_path}/a,b","target={tmp_path}/a,b",readonly' in line
    assert caged.argv[-2:] == ("agent", "--flag")
    assert "hunter2" not in line
    assert caged.env["SECRET"] == "hunter2"
    assert caged.env["HOME"] == os.environ["HOME"], "the engine's client finds its own settings"
    assert f"--env HOME={tmp_path}/home" in line


def test_with_the_lease_goes_the_program(tmp_path: Path) -> None:
    """Whoever holds it is killed in a way he cannot hear of; what runs on the lease ends by itself."""
    lease = tmp_path / "lease"
    script = keeper(str(Path(inside.__file__).parent))
    holder = subprocess.Popen([*script, f"hold={lease}", "--", "/bin/sleep", "1000"])
    until(lambda: lease.exists() and "sleep" in Path(f"/proc/{holder.pid}/cmdline").read_text())
    with subprocess.Popen(
        [*script, f"lease={lease}", "--", "/bin/sh", "-c", "echo $$; exec sleep 1000"], stdout=subprocess.PIPE
    ) as program:
        assert program.stdout
        left = int(program.stdout.readline())
        time.sleep(0.6)
        assert program.poll() is None
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        try:
            assert program.wait(30) == inside.CANNOT_RUN
        finally:
            os.kill(left, signal.SIGKILL)  # it is in no container that would end with its first process


def test_a_signal_on_a_lease_is_passed_on(tmp_path: Path) -> None:
    lease = tmp_path / "lease"
    script = keeper(str(Path(inside.__file__).parent))
    holder = subprocess.Popen([*script, f"hold={lease}", "--", "/bin/sleep", "1000"])
    until(lambda: lease.exists() and "sleep" in Path(f"/proc/{holder.pid}/cmdline").read_text())
    words = "trap 'exit 7' TERM; echo on; while :; do sleep 0.02; done"
    with subprocess.Popen([*script, f"lease={lease}", "--", "/bin/sh", "-c", words], stdout=subprocess.PIPE) as program:
        assert program.stdout
        program.stdout.readline()
        program.terminate()
        try:
            assert program.wait(30) == 7
        finally:
            holder.kill()
            holder.wait()


def test_in_a_real_container(room: Launches) -> None:
    cage = Container()
    if trouble := cage.preflight():
        pytest.skip(trouble)
    home = room.root / "home"
    (home / "tmp").mkdir(parents=True)
    secret = room.root / "secret"
    secret.write_text("hunter2")
    env = {"PATH": os.environ["PATH"], "HOME": str(home), "TMPDIR": str(home / "tmp")}
    seen = Room(writable=(str(room.work), str(home)), hidden=(str(room.root),))

    def run(script: str, name: str, **options: float) -> object:
        result = room.run(cage.wrap(room.shell(script, env=env, name=name, **options), seen))
        return (result.cause, result.code)

    assert run(f"echo made > file; pwd; cat {secret}; touch /usr/x; ls -d /proc/[0-9]* | wc -l; exit 3", "a") == ("exited", 3)
    where, processes = room.stdout().decode().split()
    assert where == str(room.work)
    assert int(processes) <= 5
    assert (room.work / "file").read_text() == "made\n"
    assert run("kill -SEGV $$", "b") == ("exited", 139)
    assert run("trap 'echo bye; exit 7' TERM; while :; do sleep 0.02; done", "c", timeout_s=2.0, kill_s=9.0) == ("timeout", 7)
    assert room.stdout("c") == b"bye\n"
    assert run("trap '' TERM; while :; do echo >> still; sleep 0.1; done", "d", timeout_s=2.0, kill_s=0.2)
    time.sleep(1.5)
    size = (room.work / "still").stat().st_size
    time.sleep(0.5)
    assert (room.work / "still").stat().st_size == size, "nothing runs on"
