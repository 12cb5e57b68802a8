"""A machine that goes down in the middle of a delivery: the next one finishes it, and nothing of the user's is taken for ours."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.depot.depot_room import git, landed, write

from chargehand.depot import checkout
from chargehand.depot.depot import GitDepot
from chargehand.ports import Delivery


class PowerCut(BaseException):
    """Ends us as nothing can be caught after a power cut: not even locks are given back."""


@pytest.fixture
def root(git_repo, monkeypatch: pytest.MonkeyPatch) -> Path:  # type: ignore[no-untyped-def]
    made: Path = git_repo({"a.txt": "a\n", "b.txt": "b\n", "gone.txt": "x\n"})
    return made


def cut_short(root: Path, monkeypatch: pytest.MonkeyPatch, before: str) -> str:
    """Land a change of a file, a new file and a removed one; the machine goes down before ``before``. Returns what landed."""
    depot = GitDepot.open(root, root / ".chargehand", "main")
    first = landed(depot, "one", "one.txt")
    assert first
    with monkeypatch.context() as patch:
        patch.setattr(checkout, "_unlock", lambda _lock: None)
        patch.setattr(checkout.Checkout, "forget", lambda _self: None)

        def cut(*_args: object, **_options: object) -> None:
            raise PowerCut

        match before:
            case "the index":
                patch.setattr(checkout, "_replace", cut)
            case "the branch":
                patch.setattr(type(depot.user), "_move", cut)
            case "the files":
                patch.setattr(checkout.Checkout, "_exchange", cut)
        with pytest.raises(PowerCut):
            depot.deliver()
    assert (root / ".git/index.lock").exists()
    return first


@pytest.mark.parametrize("before", ["the files", "the index", "the branch"])
@pytest.mark.parametrize("more", [False, True])
def test_the_next_delivery_finishes_it(root: Path, monkeypatch: pytest.MonkeyPatch, before: str, more: bool) -> None:
    first = cut_short(root, monkeypatch, before)
    depot = GitDepot.open(root, root / ".chargehand", "main")
    assert not (root / ".git/index.lock").exists()
    tip = landed(depot, "two", "two.txt") if more else first
    assert depot.deliver() == Delivery("checkout")
    assert git(root, "rev-parse", "main") == tip
    assert git(root, "status", "--porcelain") == ""
    assert (root / "one.txt").exists()


def test_half_written_files_are_finished(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = cut_short(root, monkeypatch, "the index")
    (root / "one.txt").unlink()
    depot = GitDepot.open(root, root / ".chargehand", "main")
    assert depot.deliver() == Delivery("checkout")
    assert git(root, "rev-parse", "main") == first
    assert git(root, "status", "--porcelain") == ""


@pytest.mark.parametrize("before", ["the files", "the index"])
def test_what_the_user_wrote_since_is_left_alone(root: Path, monkeypatch: pytest.MonkeyPatch, before: str) -> None:
    cut_short(root, monkeypatch, before)
    write(root, "one.txt", "his own\n")
    depot = GitDepot.open(root, root / ".chargehand", "main")
    assert depot.deliver().how == "pending"
    assert (root / "one.txt").read_text() == "his own\n"


def test_a_lock_of_the_users_own_git_stays(root: Path) -> None:
    depot = GitDepot.open(root, root / ".chargehand", "main")
    landed(depot, "one", "one.txt")
    lock = root / ".git/index.lock"
    lock.touch()
    assert depot.deliver().how == "pending"
    GitDepot.open(root, root / ".chargehand", "main")
    assert lock.exists()
    lock.unlink()
    assert depot.deliver() == Delivery("checkout")


def test_a_commit_of_his_since_is_not_undone(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cut_short(root, monkeypatch, "the files")
    depot = GitDepot.open(root, root / ".chargehand", "main")
    write(root, "mine.txt", "mine\n")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "mine")
    mine = git(root, "rev-parse", "main")
    assert depot.deliver().how == "pending"
    assert git(root, "rev-parse", "main") == mine
    assert git(root, "status", "--porcelain") == ""
