"""A machine that goes down in the middle of a delivery: the next one finishes it, and nothing of the user's is taken for ours."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.depot.depot_room import git, landed, opened, work, write

from chargehand.depot import checkout
from chargehand.depot.git import Git
from chargehand.depot.user import UserRepository
from chargehand.ports import Delivery
from chargehand.process.call import Result


class PowerCut(BaseException):
    """Ends us as nothing can be caught after a power cut: not even locks are given back."""


@pytest.fixture
def root(git_repo: Callable[..., Path]) -> Path:
    return git_repo({"a.txt": "a\n", "b.txt": "b\n", "gone.txt": "x\n"})


def change(place: Path) -> None:
    write(place, "one.txt")
    write(place, "a.txt", "changed\n")
    (place / "gone.txt").unlink()


def cut_short(root: Path, monkeypatch: pytest.MonkeyPatch, before: str) -> str:
    """Land a change of a file, a new file and a removed one; the machine goes down before ``before``. Returns what landed."""
    depot = opened(root)
    base = depot.refresh().tip
    made = work(depot, "one", change, base)
    assert depot.land(made, base)
    owner, name = {
        "the files": (checkout.Checkout, "_exchange"),
        "the index": (checkout, "_replace"),
        "the branch": (UserRepository, "_move"),
    }[before]

    def cut(*_args: object, **_options: object) -> None:
        raise PowerCut

    with monkeypatch.context() as patch:
        patch.setattr(checkout, "_unlock", lambda _lock: None)
        patch.setattr(owner, name, cut)
        with pytest.raises(PowerCut):
            depot.deliver()
    assert (root / ".git/index.lock").exists()
    return made


@pytest.mark.parametrize("before", ["the files", "the index", "the branch"])
@pytest.mark.parametrize("more", [False, True])
def test_the_next_delivery_finishes_it(root: Path, monkeypatch: pytest.MonkeyPatch, before: str, more: bool) -> None:
    first = cut_short(root, monkeypatch, before)
    depot = opened(root)
    assert not (root / ".git/index.lock").exists()
    tip = landed(depot, "two", "two.txt") if more else first
    assert depot.deliver() == Delivery("checkout")
    assert git(root, "rev-parse", "main") == tip
    assert git(root, "status", "--porcelain") == ""
    assert (root / "one.txt").exists()


def cut_off(file: Path) -> None:
    file.write_text(file.read_text()[:1])


@pytest.mark.parametrize("how", [Path.unlink, cut_off, lambda file: file.write_text("")])
@pytest.mark.parametrize("name", ["one.txt", "a.txt"])
def test_half_written_files_are_finished(
    root: Path, monkeypatch: pytest.MonkeyPatch, how: Callable[[Path], None], name: str
) -> None:
    first = cut_short(root, monkeypatch, "the index")
    how(root / name)
    depot = opened(root)
    assert depot.deliver() == Delivery("checkout")
    assert git(root, "rev-parse", "main") == first
    assert git(root, "status", "--porcelain") == ""


@pytest.mark.parametrize("before", ["the files", "the index"])
def test_what_the_user_wrote_since_is_left_alone(root: Path, monkeypatch: pytest.MonkeyPatch, before: str) -> None:
    cut_short(root, monkeypatch, before)
    write(root, "one.txt", "his own\n")
    depot = opened(root)
    assert depot.deliver().how == "pending"
    assert (root / "one.txt").read_text() == "his own\n"
    (root / "one.txt").unlink()
    assert depot.deliver() == Delivery("checkout")
    assert git(root, "status", "--porcelain") == ""


def test_a_lock_of_the_users_own_git_stays(root: Path) -> None:
    depot = opened(root)
    landed(depot, "one", "one.txt")
    lock = root / ".git/index.lock"
    lock.touch()
    assert depot.deliver().how == "pending"
    opened(root)
    assert lock.exists()
    lock.unlink()
    assert depot.deliver() == Delivery("checkout")


def test_a_commit_of_his_since_is_not_undone(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cut_short(root, monkeypatch, "the files")
    depot = opened(root)
    write(root, "mine.txt", "mine\n")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "mine")
    mine = git(root, "rev-parse", "main")
    assert depot.deliver().how == "pending"
    assert git(root, "rev-parse", "main") == mine
    assert git(root, "status", "--porcelain") == ""


@pytest.mark.parametrize("lock", ["refs/heads/main.lock", "HEAD.lock", "packed-refs.lock"])
def test_locks_of_refs_that_a_power_cut_left_are_removed(root: Path, monkeypatch: pytest.MonkeyPatch, lock: str) -> None:
    depot = opened(root)
    made = landed(depot, "one", "one.txt")
    run = Git.run

    def cut(self: Git, *args: str, **options: Any) -> Result:
        if "update-ref" in args and self.git_dir == root / ".git":
            (root / ".git" / lock).touch()
            raise PowerCut
        return run(self, *args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Git, "run", cut)
        patch.setattr(checkout, "_unlock", lambda _lock: None)
        with pytest.raises(PowerCut):
            depot.deliver()
    depot = opened(root)
    assert depot.deliver() == Delivery("checkout")
    assert git(root, "rev-parse", "main") == made
    assert git(root, "status", "--porcelain") == ""
    assert not list((root / ".git").rglob("*.lock"))


def test_locks_of_refs_that_are_not_ours_stay(root: Path) -> None:
    lock = root / ".git/refs/heads/main.lock"
    lock.touch()
    opened(root)
    assert lock.exists()
