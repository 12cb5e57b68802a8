"""A checkout made from one that was used before cannot be told from a fresh one, whatever was done in it."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.depot.depot_room import commit, git, opened, tip, write

from chargehand.model.config import WorkspaceKind

GitRepo = Callable[..., Path]


def inode(path: Path) -> int:
    return path.stat().st_ino


def everything(place: Path) -> dict[str, tuple[int, bytes]]:
    """Every path below, but for the git directory's objects, with its mode and content."""
    found = {}
    for folder, folders, files in os.walk(place):
        for name in [*folders, *files]:
            path = Path(folder, name)
            mode = path.lstat().st_mode
            content = os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes() if stat.S_ISREG(mode) else b""
            found[path.relative_to(place).as_posix()] = (mode, content)
    found.pop(".git/index")  # holds times
    return found


def test_the_next_checkout_takes_over_what_did_not_change(git_repo: GitRepo) -> None:
    root = git_repo({"a.txt": "1\n", "b/c.txt": "1\n", "gone/d.txt": "1\n"})
    first = commit(root)
    depot = opened(root)
    kept = inode(depot.checkout("one", first) / "a.txt")
    depot.discard("one")
    write(root, "b/c.txt", "2\n")
    git(root, "rm", "-q", "gone/d.txt")
    second = commit(root)
    depot.refresh()
    place = depot.workspace("two", second, "work/two")
    assert inode(place / "a.txt") == kept
    assert (place / "b/c.txt").read_text() == "2\n"
    assert not (place / "gone").exists()
    assert git(place, "status", "--porcelain", "--ignored") == ""
    assert (git(place, "rev-parse", "HEAD"), git(place, "symbolic-ref", "HEAD")) == (second, "refs/heads/work/two")
    other = depot.checkout("three", first)
    assert inode(other / "a.txt") != kept
    assert (other / "gone/d.txt").read_text() == "1\n"


def ravage(place: Path, outside: Path) -> None:
    """All that a program can do to the checkout it works in."""
    path = place / "same.txt"
    before = path.stat()
    path.write_text("evil\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    (place / "gone.txt").unlink()
    (place / "mode.sh").chmod(0o666)
    (place / "file.txt").unlink()
    write(place, "file.txt/inside.txt")
    for name in ("a.txt", "b.txt"):
        (place / "dir" / name).unlink()
    (place / "dir").rmdir()
    (place / "dir").symlink_to(outside)
    (place / "link").unlink()
    write(place, "link")
    write(place, "left/over.txt")
    write(place, "ignored.tmp")
    (place / "empty/deep").mkdir(parents=True)
    (place / "linked.txt").hardlink_to(place / "other.txt")
    os.mkfifo(place / "pipe")
    git(place, "init", "-q", "nested")
    write(place, "nested/x.txt")
    git(place / "nested", "add", "--all")
    write(place, ".git/hooks/post-checkout", "#!/bin/sh\ntouch ran\n").chmod(0o755)
    git(place, "config", "core.hooksPath", str(place / ".git/hooks"))
    git(place, "config", "core.worktree", str(outside))
    write(place, ".git/info/exclude", "*\n")
    write(place, ".git/info/attributes", "* eol=crlf\n")


@pytest.mark.parametrize("kind", ["clone", "in-place"])
@pytest.mark.parametrize("moved", [False, True])
def test_whatever_was_done_in_it_is_gone(git_repo: GitRepo, tmp_path: Path, moved: bool, kind: WorkspaceKind) -> None:
    names = ("same.txt", "gone.txt", "file.txt", "dir/a.txt", "dir/b.txt", "other.txt", "mode.sh", "kept.txt")
    files = dict.fromkeys(names, "good\n")
    root = git_repo({**files, ".gitignore": "*.tmp\n"})
    (root / "mode.sh").chmod(0o755)
    (root / "link").symlink_to("other.txt")
    base = commit(root)
    outside = tmp_path / "outside"
    write(outside, "a.txt", "not yours\n")
    depot = opened(root, kind)
    used = depot.checkout("used", base)
    kept = inode(used / "kept.txt")
    ravage(used, outside)
    depot.discard("used")
    if moved:
        base = commit(root, new_txt="new\n", same_txt="better\n")
        depot.refresh()
    again = depot.checkout("again", base)
    assert inode(again / "kept.txt") == kept
    fresh = depot.checkout("fresh", base)
    assert inode(fresh / "kept.txt") != kept
    assert everything(again) == everything(fresh)
    assert (outside / "a.txt").read_text() == "not yours\n"
    assert git(again, "status", "--porcelain", "--ignored") == ""


def test_a_file_that_was_only_touched_by_other_attributes_is_written_anew(git_repo: GitRepo) -> None:
    root = git_repo({"sub/a.txt": "1\n2\n", "b.txt": "1\n"})
    first = commit(root)
    depot = opened(root)
    depot.checkout("one", first)
    depot.discard("one")
    write(root, "sub/.gitattributes", "*.txt eol=crlf\n")
    second = commit(root)
    depot.refresh()
    assert (depot.checkout("two", second) / "sub/a.txt").read_bytes() == b"1\r\n2\r\n"
    depot.discard("two")
    assert (depot.checkout("three", first) / "sub/a.txt").read_bytes() == b"1\n2\n"


def test_files_left_in_a_submodule_are_not_handed_on(git_repo: GitRepo) -> None:
    root = git_repo({"a.txt": "1\n"})
    git(root, "update-index", "--add", "--cacheinfo", f"160000,{tip(root)},module")
    git(root, "commit", "-qm", "a submodule")
    depot = opened(root)
    place = depot.checkout("one", tip(root))
    write(place, "module/left.txt")
    depot.discard("one")
    assert list((depot.checkout("two", tip(root)) / "module").iterdir()) == []


def test_a_checkout_that_cannot_be_cleaned_is_replaced(git_repo: GitRepo) -> None:
    root = git_repo({"a.txt": "1\n"})
    depot = opened(root)
    place = depot.checkout("one", tip(root))
    depot.discard("one")
    (index,) = (root / ".chargehand/trash").glob("*.index")
    index.write_bytes(b"DIRC, but damaged")
    place = depot.checkout("two", tip(root))
    assert (place / "a.txt").read_text() == "1\n"
    assert git(place, "status", "--porcelain") == ""


def test_nothing_is_kept_beyond_the_run_nor_beyond_a_crash(git_repo: GitRepo) -> None:
    root = git_repo({"a.txt": "1\n"})
    trash = root / ".chargehand/trash"
    for end in (lambda depot: depot.close(), lambda _: opened(root)):
        depot = opened(root)
        depot.checkout("one", tip(root))
        depot.discard("one")
        assert any(trash.iterdir())
        end(depot)
        assert not any(trash.iterdir())
