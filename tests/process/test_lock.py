"""One holder at a time, named to the others, and none once it is dead."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from chargehand.model.errors import Locked
from chargehand.process.lock import ProjectLock, holder

HOLD = """
import subprocess, sys, time
from pathlib import Path
from chargehand.process.lock import ProjectLock
ProjectLock(Path(sys.argv[1]), "chargehand run").acquire()
child = subprocess.Popen(["sleep", "1000"], close_fds=False)
print(child.pid, flush=True)
time.sleep(1000)
"""


def test_the_second_is_told_who_is_first(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "lock"
    with ProjectLock(path, "chargehand run spec"):
        text = path.read_text()
        with pytest.raises(Locked, match=rf"`chargehand run spec`, process {os.getpid()} on ") as caught:
            ProjectLock(path, "another").acquire()
        assert caught.value.hint
        assert path.read_text() == text


def test_released_it_can_be_taken_again_and_names_the_new_holder(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with ProjectLock(path, "a very long command line " * 10):
        pass
    lock = ProjectLock(path, "second")
    lock.acquire()
    with pytest.raises(Locked, match="`second`"):
        ProjectLock(path).acquire()
    lock.release()
    lock.release()
    ProjectLock(path).acquire()


def test_a_lock_without_text_still_locks(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with ProjectLock(path):
        path.write_text("")
        with pytest.raises(Locked, match="another process"):
            ProjectLock(path).acquire()


def test_it_dies_with_its_holder_though_a_child_lives(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE)
    assert holder.stdout
    child = int(holder.stdout.readline())
    try:
        with pytest.raises(Locked, match=rf"process {holder.pid} "):
            ProjectLock(path).acquire()
        holder.kill()
        holder.wait()
        holder.stdout.close()
        ProjectLock(path).acquire()
    finally:
        os.kill(child, 9)


def test_looking_names_the_holder(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert holder(path) is None
    with ProjectLock(path, "first"):
        seen = holder(path)
        assert seen is not None
        assert (seen["pid"], seen["command"]) == (os.getpid(), "first")
    assert holder(path) is None


def test_one_who_looks_keeps_nobody_out(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    looking = os.open(path, os.O_RDONLY | os.O_CREAT)
    fcntl.flock(looking, fcntl.LOCK_SH)
    soon = threading.Timer(0.02, os.close, [looking])
    soon.start()
    with ProjectLock(path):
        soon.join()
