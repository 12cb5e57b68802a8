"""Workspaces: private, complete, made anew after a crash, and gone without a trace of the work in them being lost."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.depot.depot_room import bare, commit, git, opened, tip, write

from chargehand.model.config import WorkspaceKind
from chargehand.model.errors import ChargehandError

GitRepo = Callable[..., Path]
PRIVATE: tuple[WorkspaceKind, ...] = ("clone", "worktree")


@pytest.mark.parametrize("kind", PRIVATE)
def test_it_holds_the_commit_on_its_branch(git_repo: GitRepo, kind: WorkspaceKind) -> None:
    root = git_repo({"a.txt": "1\n", "bin/run": "#!/bin/sh\n"})
    (root / "bin/run").chmod(0o755)
    (root / "link").symlink_to("a.txt")
    base = commit(root)
    commit(root, a_txt="later\n")
    depot = opened(root, kind)
    place = depot.workspace("one", base)
    assert (place / "a.txt").read_text() == "1\n"
    assert os.access(place / "bin/run", os.X_OK)
    assert (place / "link").readlink() == Path("a.txt")
    assert git(place, "status", "--porcelain") == ""
    assert git(place, "rev-parse", "HEAD") == base
    assert git(place, "symbolic-ref", "HEAD") == "refs/heads/chargehand/one"
    place = depot.workspace("two", base, "fix/TASK-2")
    assert git(place, "symbolic-ref", "HEAD") == "refs/heads/fix/TASK-2"


@pytest.mark.parametrize("kind", PRIVATE)
def test_an_agent_can_commit_with_an_empty_home(git_repo: GitRepo, tmp_path: Path, kind: WorkspaceKind) -> None:
    root = git_repo()
    git(root, "config", "user.name", 'Ann "O\'Neil" \\ Ö')
    place = opened(root, kind).workspace("one", tip(root))
    write(place, "a.txt")
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path / "nowhere"), "GIT_CONFIG_NOSYSTEM": "1"}
    for command in (["git", "add", "-A"], ["git", "commit", "-qm", "mine"], ["git", "stash", "list"], ["git", "gc", "-q"]):
        subprocess.run(command, cwd=place, env=env, check=True, capture_output=True)
    assert git(place, "log", "-1", "--format=%an <%ae>") == 'Ann "O\'Neil" \\ Ö <tester@example.invalid>'


def test_a_clone_knows_nowhere_to_push_to(git_repo: GitRepo) -> None:
    root = git_repo()
    depot = opened(root)
    place = depot.workspace("one", tip(root))
    assert git(place, "remote") == ""
    before = bare(depot, "for-each-ref")
    commit(place, a_txt="1\n")
    git(place, "config", "alias.x", "!echo")
    with pytest.raises(subprocess.CalledProcessError):
        git(place, "push")
    assert bare(depot, "for-each-ref") == before
    assert "alias" not in (depot.git.git_dir / "config").read_text()


def test_a_checkout_for_gates_is_on_no_branch_and_private_in_every_kind(git_repo: GitRepo) -> None:
    root = git_repo({"a.txt": "1\n"})
    for kind in (*PRIVATE, "in-place"):
        depot = opened(root, kind)
        place = depot.checkout("gate", tip(root))
        assert place != root
        assert git(place, "rev-parse", "--abbrev-ref", "HEAD") == "HEAD"
        git(place, "config", "core.fsmonitor", "false")
        assert "fsmonitor" not in (depot.git.git_dir / "config").read_text() + (root / ".git/config").read_text()
        depot.discard("gate")
        assert not place.exists()
        assert (root / "a.txt").exists()


@pytest.mark.parametrize("kind", PRIVATE)
def test_what_is_left_of_an_earlier_one_is_gone(git_repo: GitRepo, kind: WorkspaceKind) -> None:
    root = git_repo({"a.txt": "1\n"})
    depot = opened(root, kind)
    place = depot.workspace("one", tip(root))
    write(place, "stale.txt")
    write(place, "a.txt", "spoiled\n")
    for lock in (".chargehand/index/one.lock", ".chargehand/index/one.take.lock"):
        write(root, lock, "")
    again = depot.workspace("one", tip(root))
    assert again == place
    assert git(place, "status", "--porcelain", "--ignored") == ""
    write(place, "b.txt")
    taken = depot.take("one", tip(root), "work")
    assert taken is not None
    assert taken.files == ("b.txt",)


@pytest.mark.parametrize("leftover", ["empty folder", "half a clone", "a file", "a link", "only the index"])
def test_a_crash_halfway(git_repo: GitRepo, tmp_path: Path, leftover: str) -> None:
    root = git_repo({"a.txt": "1\n"})
    depot = opened(root)
    place = root / ".chargehand/work/one"
    precious = write(tmp_path, "precious/a.txt", "mine\n")
    match leftover:
        case "empty folder":
            place.mkdir(parents=True)
        case "half a clone":
            write(place, ".git/HEAD", "ref: refs/heads/x\n")
            write(place, ".git/config.lock", "")
        case "a file":
            write(place.parent, "one")
        case "a link":
            place.parent.mkdir(parents=True)
            place.symlink_to(precious.parent)
        case _:
            write(root, ".chargehand/index/one", "nonsense")
    depot.workspace("one", tip(root))
    assert git(place, "status", "--porcelain") == ""
    assert precious.read_text() == "mine\n"


@pytest.mark.parametrize("kind", PRIVATE)
def test_discarded(git_repo: GitRepo, tmp_path: Path, kind: WorkspaceKind) -> None:
    root = git_repo({"a.txt": "1\n"})
    precious = write(tmp_path, "precious.txt")
    depot = opened(root, kind)
    place = depot.workspace("one", tip(root))
    locked = write(place, "cache/deep/module.go").parent
    (place / "out").symlink_to(precious.parent)
    locked.chmod(0o555)
    locked.parent.chmod(0o000)
    depot.discard("one")
    depot.discard("one")
    assert not place.exists()
    depot.close()
    assert list((root / ".chargehand/trash").iterdir()) == []
    assert precious.exists()
    assert bare(depot, "worktree", "list", "--porcelain").count("worktree ") == 1


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../x", "-rf", "a..b", "a.lock", "a b", "a\nb", "x" * 200, "ü", "a."])
def test_a_name_cannot_lead_elsewhere(git_repo: GitRepo, name: str) -> None:
    root = git_repo()
    depot = opened(root)
    for use in (depot.workspace, depot.checkout):
        with pytest.raises(ChargehandError, match="cannot name a workspace"):
            use(name, tip(root))
    with pytest.raises(ChargehandError, match="cannot name a workspace"):
        depot.discard(name)


def test_attributes_of_the_user_hold_but_his_filters_do_not_run(git_repo: GitRepo, tmp_path: Path) -> None:
    root = git_repo({".gitattributes": "*.bin filter=lfs -text\n*.txt text eol=crlf\n", "big.bin": "pointer\n", "a.txt": "1\n"})
    git(root, "config", "filter.lfs.smudge", f"touch {tmp_path}/ran; cat")
    depot = opened(root)
    place = depot.workspace("one", tip(root))
    assert (place / "big.bin").read_bytes() == b"pointer\n"
    assert (place / "a.txt").read_bytes() == b"1\r\n"
    assert not (tmp_path / "ran").exists()
    assert depot.take("one", tip(root), "nothing changed") is None
    (place / "a.txt").write_bytes(b"1\r\n2\r\n")
    taken = depot.take("one", tip(root), "one line more")
    assert taken is not None
    assert depot.read(taken.commit, "a.txt") == b"1\n2\n"


def test_submodules_stay_empty(git_repo: GitRepo) -> None:
    other = git_repo({"x.txt": "1\n"}, name="other")
    root = git_repo({"a.txt": "1\n"})
    git(root, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other), "sub")
    base = commit(root, "with a submodule")
    depot = opened(root)
    place = depot.workspace("one", base)
    assert list((place / "sub").iterdir()) == []
    write(place, "b.txt")
    taken = depot.take("one", base, "work")
    assert taken is not None
    assert taken.files == ("b.txt",)


@pytest.mark.parametrize("kind", PRIVATE)
def test_many_at_once(git_repo: GitRepo, kind: WorkspaceKind) -> None:
    root = git_repo({f"d{i % 5}/f{i}.txt": f"{i}\n" for i in range(50)})
    depot = opened(root, kind)
    base = tip(root)

    def attempt(number: int) -> tuple[str, ...]:
        name = f"task.{number}"
        place = depot.workspace(name, base)
        write(place, f"new{number}.txt")
        commit(place)
        write(place, "d1/f1.txt", f"by {number}\n")
        taken = depot.take(name, base, "work")
        depot.discard(name)
        assert taken is not None
        return taken.files

    with ThreadPoolExecutor(5) as pool:
        assert list(pool.map(attempt, range(10))) == [("d1/f1.txt", f"new{number}.txt") for number in range(10)]
    assert bare(depot, "fsck", "--full") == ""
