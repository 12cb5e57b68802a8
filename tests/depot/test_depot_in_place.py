"""In-place: the agent works in the user's own checkout. His index, HEAD and everything else of his stay his until work lands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.depot.depot_room import bare, commit, fingerprint, git, opened, tip, write

from chargehand.depot.depot import GitDepot
from chargehand.ports import Delivery

GitRepo = Callable[..., Path]


@pytest.fixture
def root(git_repo: GitRepo) -> Path:
    return git_repo({"a.txt": "1\n", "b.txt": "1\n", "dir/c.txt": "1\n", "tasks.md": "- [ ] one\n", ".gitignore": "*.log\n"})


@pytest.fixture
def depot(root: Path) -> GitDepot:
    return opened(root, "in-place")


def test_taken_without_touching_his_repository(root: Path, depot: GitDepot) -> None:
    base = tip(root)
    assert depot.workspace("one", base) == root
    write(root, ".git/info/exclude", "private/\n")
    depot = opened(root, "in-place")
    for name in ("new.txt", "x.log", "private/x"):
        write(root, name)
    write(root, "a.txt", "2\n")
    (root / "dir/c.txt").unlink()
    before = fingerprint(root)
    taken = depot.take("one", base, "taken")
    assert taken is not None
    assert taken.files == ("a.txt", "dir/c.txt", "new.txt")
    assert bare(depot, "log", "-1", "--format=%P", taken.commit) == base
    depot.discard("one")
    assert fingerprint(root) == before


def test_nothing_changed(root: Path, depot: GitDepot) -> None:
    depot.workspace("one", tip(root))
    assert depot.take("one", tip(root), "nothing") is None


def test_landed_work_is_committed_where_it_lies(root: Path, depot: GitDepot) -> None:
    base = tip(root)
    depot.workspace("one", base)
    write(root, "a.txt", "2\n")
    write(root, "new.txt", "new\n")
    (root / "dir/c.txt").unlink()
    taken = depot.take("one", base, "taken")
    assert taken is not None
    made = depot.propose(taken.commit, [base], "landed", {"tasks.md": b"- [x] one\n"})
    assert depot.land(made, base)
    assert depot.deliver() == Delivery("checkout")
    assert (tip(root), git(root, "rev-parse", "HEAD"), git(root, "status", "--porcelain")) == (made, made, "")
    assert (root / "tasks.md").read_text() == "- [x] one\n"
    assert not (root / ".git/index.lock").exists()


def test_work_of_another_task_stays_as_it_is(root: Path, depot: GitDepot) -> None:
    base = tip(root)
    write(root, "a.txt", "2\n")
    taken = depot.take("one", base, "taken")
    assert taken is not None
    write(root, "b.txt", "half done\n")
    git(root, "add", "b.txt")
    write(root, "begun.txt")
    assert depot.land(taken.commit, base)
    assert depot.deliver() == Delivery("checkout")
    assert git(root, "status", "--porcelain") == "M  b.txt\n?? begun.txt"


def test_a_file_that_was_changed_again_is_left_for_him(root: Path, depot: GitDepot) -> None:
    base = tip(root)
    write(root, "a.txt", "2\n")
    taken = depot.take("one", base, "taken")
    assert taken is not None
    write(root, "a.txt", "3\n")
    assert depot.land(taken.commit, base)
    delivery = depot.deliver()
    assert delivery == Delivery("pending", "git reset refs/chargehand/landed/main")
    assert (root / "a.txt").read_text() == "3\n"
    assert tip(root) == base
    git(root, *delivery.command.split()[1:])
    assert git(root, "status", "--porcelain") == " M a.txt"
    assert depot.refresh().tip == taken.commit


def test_a_locked_index_is_respected(root: Path, depot: GitDepot) -> None:
    base = tip(root)
    write(root, "a.txt", "2\n")
    taken = depot.take("one", base, "taken")
    assert taken is not None
    assert depot.land(taken.commit, base)
    write(root, ".git/index.lock", "his\n")
    before = fingerprint(root)
    assert depot.deliver().how == "pending"
    assert fingerprint(root) | before == fingerprint(root)
    assert (root / ".git/index.lock").read_text() == "his\n"


def test_the_agent_commits_himself(root: Path, depot: GitDepot) -> None:
    base = tip(root)
    depot.workspace("one", base)
    made = commit(root, "mine", a_txt="2\n")
    taken = depot.take("one", base, "taken")
    assert taken is not None
    assert (taken.commit, taken.files) == (made, ("a.txt",))
    assert not depot.land(made, base)
    assert depot.refresh().tip == made
    assert depot.deliver() == Delivery("checkout")
