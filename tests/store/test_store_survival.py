"""The ledger against kill -9, a full disk and a read-only file system."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from chargehand.model.facts import Noticed
from chargehand.store import reader
from chargehand.store.sqlite import SqliteStore

# One commit of number n: five events that say n, and the task row that says how many commits there were.
COMMIT = """
from chargehand.model.facts import Noticed
from chargehand.ports import TaskRow
def commit(store, n):
    row = TaskRow("T", 1, "Title", 2, (), "working", "", n, None, None, None, 0.0, "", None)
    store.commit("r1", float(n), [Noticed(level="info", message=f"{n}", hint="x" * 200)] * 5, [row])
"""

# Forks a writer per line of input, so that a round costs no interpreter's start.
NURSERY = (
    COMMIT
    + """
import os, sys
from pathlib import Path
from chargehand.store.sqlite import SqliteStore
for line in sys.stdin:
    path, n = line.split()
    child = os.fork()
    if not child:
        os.write(1, b"pid %d\\n" % os.getpid())
        store = SqliteStore.open(Path(path))
        for number in range(int(n) + 1, 10**9):
            commit(store, number)
            os.write(1, b"%d\\n" % number)
    os.waitpid(child, 0)
    os.write(1, b"gone\\n")
"""
)


def whole_commits(path: Path) -> int:
    """How many commits the ledger holds; fails when one is there in part or out of order."""
    store = SqliteStore.open(path)
    messages = [int(event.fact.message) for event in store.events("r1") if isinstance(event.fact, Noticed)]
    store.close()
    count = len(messages) // 5
    assert messages == [n for n in range(1, count + 1) for _ in range(5)]
    db = reader.open_reader(path)
    assert db is not None
    assert [row[reader.TASK.index("attempts")] for row in reader.tasks(db, "r1")] == ([count] if count else [])
    assert db.execute("PRAGMA integrity_check").get == "ok"
    db.close()
    return count


def test_what_was_acknowledged_survives_kill_9_at_any_instant(tmp_path: Path) -> None:
    chance = random.Random(20240101)
    acknowledged: dict[Path, int] = {}
    seen_by_reader = 0
    with subprocess.Popen([sys.executable, "-c", NURSERY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as nursery:
        assert nursery.stdin is not None
        assert nursery.stdout is not None
        for kill in range(30):
            path = tmp_path / f"{kill // 3}.db"  # a new file now and then, to be killed while it is made
            before = acknowledged.get(path, 0)
            nursery.stdin.write(f"{path} {before}\n")
            nursery.stdin.flush()
            pid = int(nursery.stdout.readline().removeprefix("pid "))
            time.sleep(chance.uniform(0, 0.04) if kill % 3 else chance.uniform(0, 0.006))
            os.kill(pid, signal.SIGKILL)
            last = before
            while (line := nursery.stdout.readline()) != "gone\n":
                last = int(line)
            db = reader.open_reader(path)  # with the log as the dead writer left it
            if db is not None:
                rows = reader.tasks(db, "r1")
                seen = rows[0][reader.TASK.index("attempts")] if rows else 0
                assert seen >= last
                seen_by_reader += 1
                db.close()
            acknowledged[path] = whole_commits(path)
            assert last <= acknowledged[path] <= last + 1, "one commit may be durable and not yet acknowledged"
    assert sum(acknowledged.values()) > 30
    assert seen_by_reader > 10


FULL_DISK = (
    COMMIT
    + """
import json, os, subprocess, sys
from pathlib import Path
from chargehand.model.errors import EnvironmentProblem
from chargehand.store import reader
from chargehand.store.inbox import post
from chargehand.store.sqlite import SqliteStore

disk = Path(sys.argv[1])
path, ballast, rest = disk / "ledger.db", disk / "ballast", disk / "rest"
say = {}

def problem(act):
    try:
        act()
    except EnvironmentProblem as error:
        return [error.message, error.hint]
    return None

def stored():
    db = reader.open_reader(path)
    with db:
        rows, events = reader.tasks(db, "r1"), len(reader.events(db, "r1"))
    db.close()
    return [rows[0][reader.TASK.index("attempts")], events]

def fill(file):
    with open(file, "wb", buffering=0) as out:
        try:
            while out.write(bytes(4096)): pass
        except OSError: pass

ballast.write_bytes(bytes(512 * 1024))
store = SqliteStore.open(path)
n = 0
while not say.get("full"):
    say["full"] = problem(lambda: commit(store, n + 1))
    n += not say["full"]
say["done"] = n
say["stored"] = stored()
say["full_again"] = problem(lambda: commit(store, n + 1))
fill(rest)
say["new_ledger"] = problem(lambda: SqliteStore.open(disk / "other.db"))
ballast.unlink()
rest.unlink()
commit(store, n + 1)
say["stored_after"] = stored()
store.close()
say["peaceful"] = sorted(file.name for file in disk.iterdir() if file.name.startswith("ledger"))
subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
say["read_only"] = problem(lambda: SqliteStore.open(path))
say["read_only_post"] = problem(lambda: post(path, "stop", "", 1.0))
say["read_only_reader"] = stored()
print(json.dumps(say))
"""
)


def test_a_full_or_read_only_disk_loses_nothing_and_is_explained(tmp_path: Path, require: Callable[..., str]) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    private = ["-rm", "mount", "-t", "tmpfs", "-o", "size=3m", "none", str(disk)]
    unshare = require("unshare", *private)
    script = 'mount -t tmpfs -o size=3m none "$0" && exec "$1" -c "$2" "$0"'
    done = subprocess.run(
        [unshare, "-rm", "sh", "-c", script, str(disk), sys.executable, FULL_DISK], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    say = json.loads(done.stdout)
    for refusal in ("full", "full_again", "new_ledger", "read_only", "read_only_post"):
        message, hint = say[refusal]
        assert str(disk) in message, refusal
        assert hint, refusal
    assert "free" in say["full"][1]
    assert say["done"] > 10
    assert say["stored"] == [say["done"], 5 * say["done"]]
    assert say["stored_after"] == [say["done"] + 1, 5 * (say["done"] + 1)]
    assert say["peaceful"] == ["ledger.db"]
    assert say["read_only_reader"] == say["stored_after"]
