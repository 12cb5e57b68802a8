"""Nothing an agent leaves is lost: commits and files, whatever state he leaves them in."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.depot.depot_room import bare, commit, files_of, git, opened, tip, write

from chargehand.depot.depot import GitDepot
from chargehand.model.config import WorkspaceKind
from chargehand.model.errors import EnvironmentProblem
from chargehand.ports import Taken

GitRepo = Callable[..., Path]
FILES = {"a.txt": "1\n", "b.txt": "2\n", "dir/c.txt": "3\n", "dir/d.txt": "4\n", ".gitignore": "*.log\nbuild/\n"}


class Attempt:
    """One agent's workspace on a repository with a few files."""

    def __init__(self, root: Path, kind: WorkspaceKind = "clone") -> None:
        self.root, self.base = root, tip(root)
        self.depot: GitDepot = opened(root, kind)
        self.place = self.depot.workspace("one", self.base)

    def take(self) -> Taken:
        taken = self.depot.take("one", self.base, "taken: one")
        assert taken is not None
        assert bare(self.depot, "rev-parse", "refs/chargehand/attempts/one") == taken.commit
        assert bare(self.depot, "fsck", "--full", "--no-dangling") == ""
        return taken

    def content(self, taken: Taken, path: str) -> bytes | None:
        return self.depot.read(taken.commit, path)


@pytest.fixture(params=["clone", "worktree"])
def attempt(request: pytest.FixtureRequest, git_repo: GitRepo) -> Attempt:
    return Attempt(git_repo(FILES), request.param)


@pytest.fixture
def clone(git_repo: GitRepo) -> Attempt:
    return Attempt(git_repo(FILES))


def test_edited_new_deleted_and_renamed_files(attempt: Attempt) -> None:
    write(attempt.place, "a.txt", "changed\n")
    write(attempt.place, "new/deep/file.txt", "new\n")
    (attempt.place / "b.txt").unlink()
    (attempt.place / "dir/c.txt").rename(attempt.place / "dir/e.txt")
    taken = attempt.take()
    assert taken.files == ("a.txt", "b.txt", "dir/c.txt", "dir/e.txt", "new/deep/file.txt")
    assert attempt.content(taken, "a.txt") == b"changed\n"
    assert attempt.content(taken, "b.txt") is None
    assert attempt.content(taken, "dir/e.txt") == b"3\n"
    assert bare(attempt.depot, "rev-parse", f"{taken.commit}^") == attempt.base
    assert bare(attempt.depot, "log", "-1", "--format=%an|%cn|%s", taken.commit) == "Tester|Tester|taken: one"


def test_a_change_within_the_second_of_the_checkout_with_the_same_size(attempt: Attempt) -> None:
    stamp = (attempt.place / "a.txt").stat()
    write(attempt.place, "a.txt", "9\n")
    os.utime(attempt.place / "a.txt", ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    taken = attempt.take()
    assert taken.files == ("a.txt",)
    assert attempt.content(taken, "a.txt") == b"9\n"


def test_nothing_changed(attempt: Attempt) -> None:
    os.utime(attempt.place / "a.txt")
    write(attempt.place, "b.txt", "2\n")
    (attempt.place / "empty").mkdir()
    write(attempt.place, "x.log")
    write(attempt.place, "build/out.o")
    assert attempt.depot.take("one", attempt.base, "nothing") is None


def test_his_commits_and_what_he_did_not_commit(attempt: Attempt) -> None:
    first = commit(attempt.place, "first", a_txt="one\n")
    second = commit(attempt.place, "second", n_txt="two\n")
    write(attempt.place, "n.txt", "three\n")
    write(attempt.place, "untracked.txt")
    taken = attempt.take()
    assert taken.files == ("a.txt", "n.txt", "untracked.txt")
    assert attempt.content(taken, "n.txt") == b"three\n"
    history = bare(attempt.depot, "rev-list", taken.commit, f"^{attempt.base}").split()
    assert history == [taken.commit, second, first]
    assert bare(attempt.depot, "log", "-1", "--format=%an", taken.commit) == "Tester"


def test_all_committed_is_his_own_commit(attempt: Attempt) -> None:
    made = commit(attempt.place, "mine", a_txt="one\n")
    assert attempt.take().commit == made


def test_commits_that_come_to_nothing_are_kept(attempt: Attempt) -> None:
    commit(attempt.place, "there", a_txt="one\n")
    back = commit(attempt.place, "and back", a_txt="1\n")
    assert attempt.depot.take("one", attempt.base, "nothing") is None
    assert bare(attempt.depot, "rev-parse", "refs/chargehand/attempts/one") == back


def test_ignored_files_count_where_he_committed_them(attempt: Attempt) -> None:
    write(attempt.place, "wanted.log", "kept\n")
    write(attempt.place, "other.log")
    git(attempt.place, "add", "--force", "wanted.log")
    git(attempt.place, "commit", "--quiet", "-m", "forced")
    taken = attempt.take()
    assert taken.files == ("wanted.log",)
    assert attempt.content(taken, "wanted.log") == b"kept\n"


def test_staged_but_not_committed(attempt: Attempt) -> None:
    write(attempt.place, "a.txt", "staged\n")
    git(attempt.place, "add", "a.txt")
    write(attempt.place, "a.txt", "and changed again\n")
    assert attempt.content(attempt.take(), "a.txt") == b"and changed again\n"


def test_another_branch_a_detached_head_and_a_stash(clone: Attempt) -> None:
    git(clone.place, "switch", "--quiet", "-c", "aside")
    aside = commit(clone.place, "aside", a_txt="aside\n")
    write(clone.place, "a.txt", "stashed\n")
    git(clone.place, "stash", "--quiet")
    stash = git(clone.place, "rev-parse", "refs/stash")
    git(clone.place, "checkout", "--quiet", "--detach", clone.base)
    head = commit(clone.place, "detached", b_txt="detached\n")
    taken = clone.take()
    assert (taken.commit, taken.files) == (head, ("b.txt",))
    kept = bare(clone.depot, "for-each-ref", "--format=%(objectname)", "refs/chargehand/kept/one").split()
    assert {aside, stash} <= set(kept)


def test_packed_refs_and_objects(clone: Attempt) -> None:
    made = commit(clone.place, "mine", a_txt="one\n")
    git(clone.place, "gc", "--quiet")
    git(clone.place, "pack-refs", "--all")
    assert clone.take().commit == made


def test_a_rewritten_history_stands_on_base_and_is_kept(clone: Attempt) -> None:
    git(clone.place, "checkout", "--quiet", "--orphan", "fresh")
    head = commit(clone.place, "a new world", a_txt="orphan\n")
    taken = clone.take()
    assert taken.files == ("a.txt",)
    assert bare(clone.depot, "log", "-1", "--format=%P", taken.commit).split() == [clone.base, head]


def _destroy(place: Path, way: str, elsewhere: Path) -> None:
    inside = place / ".git"
    match way:
        case "removed":
            shutil.rmtree(inside)
        case "a pointer elsewhere":
            shutil.rmtree(inside)
            inside.write_text(f"gitdir: {elsewhere}/.git\n")
        case "a link elsewhere":
            shutil.rmtree(inside)
            inside.symlink_to(elsewhere / ".git")
        case "other objects":
            shutil.rmtree(inside / "objects")
            (inside / "objects").symlink_to(elsewhere / ".git/objects")
            (inside / "HEAD").write_text(tip(elsewhere) + "\n")
        case "another lender":
            (inside / "objects/info/alternates").write_text(f"{elsewhere}/.git/objects\n")
            (inside / "HEAD").write_text(tip(elsewhere) + "\n")
        case "HEAD is a pipe":
            (inside / "HEAD").unlink()
            os.mkfifo(inside / "HEAD")
        case "HEAD goes round":
            (inside / "HEAD").write_text("ref: refs/heads/x\n")
            (inside / "refs/heads/x").write_text("ref: refs/heads/x\n")
        case "a common folder elsewhere":
            (inside / "commondir").write_text(f"{elsewhere}/.git\n")
        case "HEAD is a path":
            (inside / "HEAD").write_text("ref: refs/../../../../HEAD\n")
        case "HEAD is nothing known":
            (inside / "HEAD").write_text("0123456789" * 4 + "\n")
        case _:
            raise AssertionError(way)


WAYS = [
    "removed", "a pointer elsewhere", "a link elsewhere", "other objects", "another lender", "HEAD is a pipe", "HEAD goes round",
    "a common folder elsewhere",
    "HEAD is a path", "HEAD is nothing known",
]  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_a_destroyed_or_swapped_repository_loses_no_file(clone: Attempt, git_repo: GitRepo, way: str) -> None:
    elsewhere = git_repo({"secret.txt": "s\n"}, name="elsewhere")
    secret = commit(elsewhere, "secret work")
    write(clone.place, "a.txt", "work\n")
    _destroy(clone.place, way, elsewhere)
    taken = clone.take()
    assert taken.files == ("a.txt",)
    assert bare(clone.depot, "log", "-1", "--format=%P", taken.commit) == clone.base
    assert not clone.depot.contains(secret)
    assert clone.depot.read(secret, "secret.txt") is None


def test_broken_objects_lose_no_file(clone: Attempt) -> None:
    made = commit(clone.place, "mine", a_txt="one\n")
    spoiled = clone.place / ".git/objects" / made[:2] / made[2:]
    spoiled.chmod(0o644)
    spoiled.write_bytes(b"rubbish")
    taken = clone.take()
    assert clone.content(taken, "a.txt") == b"one\n"
    assert bare(clone.depot, "log", "-1", "--format=%P", taken.commit) == clone.base


def test_locks_and_an_unfinished_merge_are_no_obstacle(attempt: Attempt) -> None:
    write(attempt.place, "a.txt", "work\n")
    inside = Path(git(attempt.place, "rev-parse", "--absolute-git-dir"))
    for name in ("index.lock", "HEAD.lock", "config.lock"):
        write(inside, name, "")
    write(inside, "MERGE_HEAD", attempt.base + "\n")
    (inside / "index").write_bytes(b"rubbish")
    assert attempt.take().files == ("a.txt",)


def test_modes_and_links(attempt: Attempt) -> None:
    (attempt.place / "a.txt").chmod(0o755)
    (attempt.place / "b.txt").unlink()
    (attempt.place / "b.txt").symlink_to("/etc/passwd")
    (attempt.place / "dangling").symlink_to("nowhere")
    (attempt.place / "folder").symlink_to("/etc")
    taken = attempt.take()
    assert taken.files == ("a.txt", "b.txt", "dangling", "folder")
    modes = files_of(attempt.depot, taken.commit)
    assert (modes["a.txt"], modes["b.txt"], modes["folder"]) == ("100755", "120000", "120000")
    assert attempt.content(taken, "b.txt") == b"/etc/passwd"


def test_files_become_folders_and_folders_links(attempt: Attempt) -> None:
    (attempt.place / "a.txt").unlink()
    write(attempt.place, "a.txt/inner.txt")
    shutil.move(attempt.place / "dir", attempt.place / "moved")
    (attempt.place / "dir").symlink_to("moved")
    (attempt.place / "b.txt").unlink()
    os.mkfifo(attempt.place / "b.txt")
    taken = attempt.take()
    assert set(files_of(attempt.depot, taken.commit)) == {".gitignore", "a.txt/inner.txt", "dir", "moved/c.txt", "moved/d.txt"}


def test_a_folder_behind_an_ignored_link(attempt: Attempt, tmp_path: Path) -> None:
    shutil.rmtree(attempt.place / "dir")
    write(tmp_path, "outside/c.txt", "not of this place\n")
    (attempt.place / "dir").symlink_to(tmp_path / "outside")
    write(attempt.place, ".gitignore", "dir\n")
    assert set(files_of(attempt.depot, attempt.take().commit)) == {".gitignore", "a.txt", "b.txt"}


def test_strange_names_and_bytes(attempt: Attempt) -> None:
    root = os.fsencode(attempt.place)
    names = [b"new\nline", b'quo"te', b"back\xff\xfeslash", "ünïcode".encode(), b" space ", b"-rf", b":(glob)x", b"tab\t", b"*"]
    for name in names:
        Path(os.fsdecode(root + b"/" + name)).write_bytes(bytes(range(256)))
    taken = attempt.take()
    assert len(taken.files) == len(names)
    assert all(path.isprintable() or "\n" in path or "\t" in path for path in taken.files)
    assert "".join(taken.files).encode()  # can be recorded: no half characters
    for name in names:
        assert attempt.content(taken, os.fsdecode(name)) == bytes(range(256))
    (attempt.place / "new\nline").unlink()
    assert len(attempt.take().files) == len(names) - 1


def test_pipes_sockets_and_unreadable_files(attempt: Attempt, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(attempt.place)
    os.mkfifo("pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        write(attempt.place, "locked.txt", "x\n").chmod(0o000)
        hidden = write(attempt.place, "closed/file.txt", "y\n").parent
        hidden.chmod(0o000)
        taken = attempt.take()
    assert taken.files == ("closed/file.txt", "locked.txt")


def test_a_nested_repository_is_taken_as_files(clone: Attempt) -> None:
    git(clone.place, "init", "--quiet", "fresh")
    write(clone.place, "fresh/.gitignore", "node_modules/\n")
    write(clone.place, "fresh/src/main.py", "1\n")
    write(clone.place, "fresh/node_modules/x.js")
    git(clone.place / "fresh", "init", "--quiet", "deeper")
    write(clone.place, "fresh/deeper/z.txt", "3\n")
    git(clone.place, "init", "--quiet", "made")
    git(clone.place / "made", "config", "user.email", "x@example.invalid")
    git(clone.place / "made", "config", "user.name", "x")
    commit(clone.place / "made", y_txt="2\n")
    expected = ("fresh/.gitignore", "fresh/deeper/z.txt", "fresh/src/main.py", "made/y.txt")
    assert clone.take().files == expected
    git(clone.place, "add", "made")
    git(clone.place, "commit", "--quiet", "-m", "he adds it as a link")
    assert git(clone.place, "ls-tree", "HEAD", "made").startswith("160000")
    taken = clone.take()
    assert taken.files == expected
    assert "160000" not in files_of(clone.depot, taken.commit).values()


def test_a_tracked_file_replaced_by_a_repository(clone: Attempt) -> None:
    (clone.place / "a.txt").unlink()
    git(clone.place, "init", "--quiet", "a.txt")
    write(clone.place, "a.txt/inner.txt")
    taken = clone.take()
    assert taken.files == ("a.txt", "a.txt/inner.txt")
    assert clone.content(taken, "a.txt") is None


def test_a_submodule_stays_what_it_was(git_repo: GitRepo) -> None:
    other = git_repo({"x.txt": "1\n"}, name="other")
    root = git_repo({"a.txt": "1\n"})
    git(root, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other), "sub")
    commit(root, "with a submodule")
    attempt = Attempt(root)
    git(attempt.place, "clone", "--quiet", str(other), "sub")
    git(attempt.place / "sub", "config", "user.email", "x@example.invalid")
    git(attempt.place / "sub", "config", "user.name", "x")
    commit(attempt.place / "sub", y_txt="2\n")
    write(attempt.place, "a.txt", "2\n")
    assert attempt.take().files == ("a.txt",)


def test_taking_twice_gives_the_same_files(attempt: Attempt) -> None:
    write(attempt.place, "a.txt", "work\n")
    first = attempt.take()
    second = attempt.take()
    assert (first.files, attempt.depot.changed(first.commit, second.commit)) == (("a.txt",), ())
    write(attempt.place, "more.txt")
    assert attempt.take().files == ("a.txt", "more.txt")


def test_without_our_index_every_file_is_read(attempt: Attempt) -> None:
    write(attempt.place, "a.txt", "work\n")
    for leftover in ("one", "one.take", "one.take.lock"):
        (attempt.root / ".chargehand/index" / leftover).unlink(missing_ok=True)
    assert attempt.take().files == ("a.txt",)
    write(attempt.root, ".chargehand/index/one.take", "rubbish of a crash")
    write(attempt.root, ".chargehand/index/one.take.lock", "")
    assert attempt.take().files == ("a.txt",)


def test_ten_thousand_files(clone: Attempt) -> None:
    for number in range(10_000):
        path = clone.place / f"d{number % 100}" / f"f{number}"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"%d" % (number % 100))
    taken = clone.depot.take("one", clone.base, "many")
    assert taken is not None
    assert len(taken.files) == 10_000
    assert clone.content(taken, "d99/f9999") == b"99"


def test_a_workspace_that_is_gone_is_no_deletion(clone: Attempt, tmp_path: Path) -> None:
    shutil.rmtree(clone.place)
    with pytest.raises(EnvironmentProblem, match="is gone"):
        clone.depot.take("one", clone.base, "x")
    clone.place.symlink_to(tmp_path)
    with pytest.raises(EnvironmentProblem, match="is gone"):
        clone.depot.take("one", clone.base, "x")


def test_names_git_refuses_are_noted(clone: Attempt) -> None:
    write(clone.place, "a.txt", "work\n")
    write(clone.place, "git~1", "odd\n")
    taken = clone.take()
    assert taken.files == ("a.txt",)
    assert "Left out: git~1" in bare(clone.depot, "log", "-1", "--format=%B", taken.commit)
