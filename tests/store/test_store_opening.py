"""What can be wrong with a ledger's file when it is opened, and what the user is told."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from chargehand.model import facts as f
from chargehand.model.errors import ChargehandError, EnvironmentProblem, Locked, UsageProblem
from chargehand.store import connection
from chargehand.store.connection import connect, sound_engine
from chargehand.store.inbox import post
from chargehand.store.reader import open_reader
from chargehand.store.sqlite import SqliteStore

NOTE = f.Noticed(level="info", message="a message that fills some space " * 20)

DOORS: list[Callable[[Path], object]] = [SqliteStore.open, open_reader, lambda path: post(path, "stop", "", 1.0)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


def filled(path: Path) -> bytes:
    store = SqliteStore.open(path)
    store.commit("r1", 1.0, [NOTE] * 100)
    store.close()
    return path.read_bytes()


def test_garbage_is_refused_and_left_as_it_is(path: Path) -> None:
    garbage = b"this is not a database, it is a letter\n" * 100
    path.write_bytes(garbage)
    for attempt in DOORS:
        with pytest.raises(EnvironmentProblem) as caught:
            attempt(path)
        assert str(path) in caught.value.message
        assert caught.value.hint
    assert path.read_bytes() == garbage


def test_a_database_of_another_program_is_refused_and_left_as_it_is(path: Path) -> None:
    other = apsw.Connection(str(path))
    other.execute("CREATE TABLE bookmarks (url TEXT)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(EnvironmentProblem, match="another program"):
        SqliteStore.open(path)
    assert path.read_bytes() == before


def test_a_ledger_of_a_newer_version_is_refused_and_left_as_it_is(path: Path) -> None:
    filled(path)
    newer = apsw.Connection(str(path))
    newer.pragma("user_version", 99)
    newer.close()
    before = path.read_bytes()
    for attempt in DOORS:
        with pytest.raises(EnvironmentProblem, match="made by a newer chargehand") as caught:
            attempt(path)
        assert "upgrade" in caught.value.hint
    assert path.read_bytes() == before


def test_a_damaged_ledger_is_reported_never_mended(path: Path) -> None:
    whole = filled(path)
    torn = whole[: len(whole) // 2]
    path.write_bytes(torn)

    def use() -> None:
        store = SqliteStore.open(path)
        try:
            list(store.events("r1"))
        finally:
            store.close()

    with pytest.raises(EnvironmentProblem, match="damaged") as caught:
        use()
    assert str(path) in caught.value.hint
    assert path.read_bytes() == torn


def test_an_event_of_an_unknown_kind_is_explained(path: Path) -> None:
    filled(path)
    db = apsw.Connection(str(path))
    db.execute("""INSERT INTO events VALUES (101, 'r1', 1.0, 'later', '', '', '{"event": "invented.later"}')""")
    db.close()
    store = SqliteStore.open(path)
    with pytest.raises(EnvironmentProblem, match="event 101"):
        list(store.events("r1"))
    store.close()


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentProblem, match="nowhere"):
        SqliteStore.open(tmp_path / "nowhere" / "ledger.db")


def test_a_directory_in_the_place_of_the_file_is_refused(path: Path) -> None:
    path.mkdir()
    for attempt in (SqliteStore.open, open_reader):
        with pytest.raises(EnvironmentProblem) as caught:
            attempt(path)
        assert str(path) in caught.value.message


def test_a_ledger_somebody_holds_is_called_locked_and_works_once_free(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "BUSY_S", 0.02)
    store = SqliteStore.open(path)
    backup = apsw.Connection(str(path))
    backup.execute("BEGIN IMMEDIATE")
    with pytest.raises(Locked) as caught:
        store.commit("r1", 1.0, [NOTE])
    assert str(path) in caught.value.message
    assert caught.value.hint
    backup.execute("ROLLBACK")
    assert store.commit("r1", 1.0, [NOTE]) == 1
    backup.close()
    store.close()


def test_a_half_made_ledger_is_finished_by_the_next_who_opens_it(path: Path) -> None:
    db = apsw.Connection(str(path))
    db.pragma("journal_mode", "wal")  # as if killed before the first transaction
    db.close()
    assert open_reader(path) is None
    filled(path)


def test_a_ledger_whose_maker_was_killed_while_writing_the_first_page_is_none_yet(path: Path) -> None:
    making = path.with_name("making.db")
    db = apsw.Connection(str(making))
    db.execute("CREATE TABLE x (y); DROP TABLE x; PRAGMA cache_size = 1; BEGIN; CREATE TABLE x (y)")
    db.executemany("INSERT INTO x VALUES (zeroblob(?))", [(4000,)] * 50)
    shutil.copy(making, path)
    shutil.copy(f"{making}-journal", f"{path}-journal")
    assert open_reader(path) is None
    with pytest.raises(UsageProblem):
        post(path, "stop", "", 1.0)
    filled(path)
    db.close()


def test_many_may_open_a_new_ledger_at_once(path: Path) -> None:
    problems: list[ChargehandError] = []
    together = threading.Barrier(8)

    def work(who: int) -> None:
        together.wait()
        try:
            store = SqliteStore.open(path)
            store.commit(f"r{who}", 1.0, [NOTE])
            store.close()
        except ChargehandError as problem:
            problems.append(problem)

    threads = [threading.Thread(target=work, args=(who,)) for who in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    store = SqliteStore.open(path)
    assert all(len(list(store.events(f"r{who}"))) == 1 for who in range(8))
    store.close()


def test_a_ledger_closed_in_peace_is_one_file(path: Path) -> None:
    store = SqliteStore.open(path)
    store.commit("r1", 1.0, [NOTE])
    assert Path(f"{path}-wal").stat().st_size > 0
    store.close()
    assert not Path(f"{path}-wal").exists()


@pytest.mark.parametrize("owner", [True, False])
def test_every_commit_waits_for_the_disk(path: Path, owner: bool) -> None:
    filled(path)
    db = connect(path, owner=owner)
    assert (db.pragma("journal_mode"), db.pragma("synchronous")) == ("wal", 2), "2 is FULL: a commit survives the loss of power"
    db.close()


def test_a_request_leaves_the_log_to_the_owner(path: Path) -> None:
    filled(path)
    before = path.read_bytes()
    post(path, "stop", "", 1.0)
    assert path.read_bytes() == before
    assert Path(f"{path}-wal").stat().st_size > 0
    store = SqliteStore.open(path)
    assert [request.kind for request in store.requests()] == ["stop"]
    store.close()


@pytest.mark.parametrize(
    ("version", "sound"),
    [("3.40.1", False), ("3.44.5", False), ("3.44.6", True), ("3.45.1", False), ("3.50.6", False), ("3.50.7", True),
     ("3.51.0", False), ("3.51.2", False), ("3.51.3", True), ("3.54.1", True), ("4.0.0", True)],
)  # fmt: skip
def test_engines_that_lose_commits_are_known(version: str, sound: bool) -> None:
    assert sound_engine(version) is sound


def test_an_engine_that_loses_commits_is_not_used(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sound_engine(connection.engine_version()), "the pinned apsw brings a sound one"
    monkeypatch.setattr(connection, "engine_version", lambda: "3.40.1")
    with pytest.raises(EnvironmentProblem, match=r"3\.40\.1") as caught:
        SqliteStore.open(path)
    assert caught.value.hint
    assert not path.exists()
