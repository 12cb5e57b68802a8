"""The look at the user's repository before a run: what is missing is said with the way to mend it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.depot.depot_room import commit, git, opened, write

from chargehand.depot import repository
from chargehand.depot.repository import inspect, is_clean, is_tracked, target
from chargehand.model.errors import EnvironmentProblem, RepositoryProblem

GitRepo = Callable[..., Path]


def test_describes_the_repository_from_a_folder_below(git_repo: GitRepo) -> None:
    root = git_repo({"src/a.py": "1\n"})
    seen = inspect(root / "src")
    assert (seen.root, seen.branch, seen.head) == (root, "main", git(root, "rev-parse", "HEAD"))
    assert seen.identity == ("Tester", "tester@example.invalid")
    assert not seen.bare
    assert target(seen) == "main"


def test_no_repository(tmp_path: Path) -> None:
    with pytest.raises(RepositoryProblem, match="not in a git repository") as caught:
        inspect(tmp_path)
    assert "git init" in caught.value.hint
    assert caught.value.exit_code == 2


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(RepositoryProblem, match="not a directory"):
        inspect(tmp_path / "nowhere")


def test_no_commit_yet(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    seen = inspect(tmp_path)
    assert seen.head is None
    with pytest.raises(RepositoryProblem, match="no commit yet") as caught:
        target(seen)
    assert "git commit" in caught.value.hint


def test_detached_head_matters_only_without_a_target(git_repo: GitRepo) -> None:
    root = git_repo()
    git(root, "checkout", "--quiet", "--detach")
    seen = inspect(root)
    assert seen.branch is None
    with pytest.raises(RepositoryProblem, match="detached") as caught:
        target(seen)
    assert "target" in caught.value.hint
    assert target(seen, "main") == "main"


def test_a_missing_target_names_the_nearest(git_repo: GitRepo) -> None:
    root = git_repo()
    git(root, "branch", "release/2.0")
    with pytest.raises(RepositoryProblem, match=r"no branch relaese/2\.0") as caught:
        target(inspect(root), "relaese/2.0")
    assert "release/2.0" in caught.value.hint


@pytest.mark.parametrize("name", ["--upload-pack=x", "*", "mai?", "HEAD", "@{-1}", "refs/heads/main", ":(glob)main", "../main"])
def test_a_target_is_a_name_and_nothing_else(git_repo: GitRepo, name: str) -> None:
    root = git_repo()
    with pytest.raises(RepositoryProblem, match="there is no branch"):
        target(inspect(root), name)
    with pytest.raises(RepositoryProblem, match="there is no branch"):
        opened(root, target=name)


def test_bare(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--bare")
    seen = inspect(tmp_path)
    assert seen.bare
    with pytest.raises(RepositoryProblem, match="bare") as caught:
        target(seen)
    assert "clone" in caught.value.hint


def test_inside_the_git_directory(git_repo: GitRepo) -> None:
    with pytest.raises(RepositoryProblem, match="not in a checkout"):
        inspect(git_repo() / ".git")


def test_without_an_identity_there_is_one_all_the_same(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    assert inspect(tmp_path).identity == repository.NOBODY


def test_tracked_and_clean(git_repo: GitRepo) -> None:
    root = git_repo({"a.txt": "1\n", "b[1].txt": "1\n"})
    write(root, "b1.txt")
    assert is_tracked(root, "a.txt")
    assert is_tracked(root, "b[1].txt")
    assert not is_tracked(root, "b1.txt")
    assert not is_tracked(root, "*.txt")
    assert is_clean(root)
    write(root, "a.txt", "2\n")
    assert not is_clean(root)
    git(root, "add", "a.txt")
    assert not is_clean(root)
    commit(root)
    assert is_clean(root)


def test_git_is_needed(git_repo: GitRepo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    root = git_repo()
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    with pytest.raises(EnvironmentProblem, match="git") as caught:
        inspect(root)
    assert caught.value.exit_code == 5


def test_an_old_git_is_refused(git_repo: GitRepo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    root = git_repo()
    old = write(tmp_path, "bin/git", "#!/bin/sh\necho git version 2.30.2\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", str(old.parent))
    with pytest.raises(EnvironmentProblem, match=r"2\.30\.2 is too old") as caught:
        inspect(root)
    assert "2.38" in caught.value.hint
