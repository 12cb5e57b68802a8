"""Commits and merges made without a checkout."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.depot.depot_room import bare, commit, files_of, git, in_conflict, opened, tip

from chargehand.depot.depot import GitDepot
from chargehand.model.errors import ChargehandError, EnvironmentProblem
from chargehand.ports import Conflict

GitRepo = Callable[..., Path]
TREE = {"a.txt": "1\n", "dir.d/x": "2\n", "dir/sub/x": "3\n", "dir/y": "4\n", "dir0": "5\n"}


@pytest.fixture
def depot(git_repo: GitRepo) -> GitDepot:
    root = git_repo(TREE)
    (root / "dir/y").chmod(0o755)
    (root / "link").symlink_to("a.txt")
    commit(root, "modes")
    return opened(root)


def test_read(depot: GitDepot) -> None:
    head = depot.refresh().tip
    assert depot.read(head, "dir/sub/x") == b"3\n"
    assert depot.read(head, "link") == b"a.txt"
    for path in ("missing", "dir", "dir/sub/x/y", "", "../a.txt", "./a.txt", "new\nline missing", "a.txt\n"):
        assert depot.read(head, path) is None
    assert depot.read("0" * 40, "a.txt") is None


def test_proposal_replaces_content_and_nothing_else(depot: GitDepot) -> None:
    head = depot.refresh().tip
    replace = {"dir/sub/x": b"changed\n", "dir/y": b"\0\xff", "new/deep/file.md": b"new\n", "link": b"no link\n"}
    proposal = depot.propose(head, [head], "A subject: ü\n\nBody\n", replace)
    assert bare(depot, "fsck", "--strict", "--no-dangling") == ""
    assert depot.changed(head, proposal) == ("dir/sub/x", "dir/y", "link", "new/deep/file.md")
    for path, content in replace.items():
        assert depot.read(proposal, path) == content
    modes = files_of(depot, proposal)
    assert (modes["dir/y"], modes["link"], modes["new/deep/file.md"]) == ("100755", "100644", "100644")
    assert bare(depot, "log", "-1", "--format=%an %ae|%cn %ce|%B", proposal) == (
        "Tester tester@example.invalid|Tester tester@example.invalid|A subject: ü\n\nBody"
    )
    assert depot.refresh().tip == head


def test_proposal_with_any_parents_and_nothing_replaced(depot: GitDepot) -> None:
    head = depot.refresh().tip
    first = depot.propose(head, [head], "one", {"a.txt": b"one\n"})
    merged = depot.propose(first, [head, first], "merge", {})
    assert bare(depot, "log", "-1", "--format=%P", merged).split() == [head, first]
    assert depot.changed(first, merged) == ()
    assert bare(depot, "log", "-1", "--format=%P", depot.propose(head, [], "root", {})) == ""


def test_a_file_in_the_way_of_a_folder(depot: GitDepot) -> None:
    head = depot.refresh().tip
    proposal = depot.propose(head, [head], "x", {"a.txt/inner": b"1\n"})
    assert depot.read(proposal, "a.txt/inner") == b"1\n"
    assert bare(depot, "fsck", "--strict", "--no-dangling") == ""


def test_a_commit_nobody_knows(depot: GitDepot) -> None:
    with pytest.raises(EnvironmentProblem, match="no tree"):
        depot.propose("0" * 40, [], "x", {"a": b""})


@pytest.mark.parametrize("path", ["", "/etc/x", "../x", "a/../b", "./a", ".git/config", "a//b", "a/"])
def test_a_path_git_cannot_hold(depot: GitDepot, path: str) -> None:
    head = depot.refresh().tip
    with pytest.raises(ChargehandError, match="cannot be a path"):
        depot.propose(head, [head], "x", {path: b""})


def test_messages_and_identities_that_are_not_plain(git_repo: GitRepo) -> None:
    root = git_repo()
    git(root, "config", "user.name", "A <b>\x07 \x1b[1m")
    depot = opened(root)
    made = depot.propose(tip(root), [tip(root)], "nul \0 and half a \ud800 character", {})
    assert bare(depot, "fsck", "--strict", "--no-dangling") == ""
    assert bare(depot, "log", "-1", "--format=%an|%s", made) == "A b [1m|nul  and half a ? character"


names = st.text(st.characters(blacklist_characters="/\0", blacklist_categories=["Cs"]), min_size=1, max_size=3)
paths = st.lists(names.filter(lambda name: name.strip(".") and name.lower() not in {".git", "git~1"}), min_size=1, max_size=3)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=st.dictionaries(paths.map("/".join), st.binary(max_size=20), min_size=1, max_size=4))
def test_any_files_are_written_as_git_would(depot: GitDepot, files: dict[str, bytes]) -> None:
    files = {path: content for path, content in files.items() if not any(other.startswith(f"{path}/") for other in files)}
    head = depot.refresh().tip
    made = depot.propose(head, [head], "x", files)
    assert {path: depot.read(made, path) for path in files} == files
    again = depot.propose(made, [made], "x", dict.fromkeys(files, b""))
    assert bare(depot, "fsck", "--no-dangling", again) == ""
    assert set(depot.changed(made, again)) == {path for path, content in files.items() if content}


def test_merge_of_different_files(depot: GitDepot) -> None:
    base = depot.refresh().tip
    ours = depot.propose(base, [base], "ours", {"a.txt": b"ours\n"})
    theirs = depot.propose(base, [base], "theirs", {"dir/y": b"theirs\n", "n.txt": b"new\n"})
    tree = depot.merge(base, ours, theirs)
    assert isinstance(tree, str)
    candidate = depot.propose(tree, [ours], "both", {"dir0": b"ticked\n"})
    assert depot.changed(ours, candidate) == ("dir/y", "dir0", "n.txt")
    assert depot.read(candidate, "a.txt") == b"ours\n"
    assert files_of(depot, candidate)["dir/y"] == "100755"


def test_merge_within_a_file_and_conflicts(git_repo: GitRepo) -> None:
    lines = [f"{number}\n" for number in range(30)]
    root = git_repo({"a.txt": "".join(lines), "b.txt": "1\n", 'odd "\n name': "1\n"})
    depot, base = opened(root), tip(root)

    def change(number: int, text: str, **more: bytes) -> str:
        content = "".join([*lines[:number], text, *lines[number + 1 :]]).encode()
        return depot.propose(base, [base], "x", {"a.txt": content} | more)

    top, bottom, other = change(1, "top\n"), change(28, "bottom\n"), change(1, "other\n", **{'odd "\n name': b"2\n"})
    merged = depot.merge(base, top, bottom)
    assert isinstance(merged, str)
    assert depot.read(merged, "a.txt") == "".join([lines[0], "top\n", *lines[2:28], "bottom\n", lines[29]]).encode()
    assert in_conflict(depot.merge(base, top, other)) == ("a.txt",)
    gone = depot.propose(base, [base], "x", {'odd "\n name': b"3\n", "a.txt": b"rewritten\n"})
    conflict = depot.merge(base, other, gone)
    assert isinstance(conflict, Conflict)
    assert set(conflict.files) == {"a.txt", 'odd "\n name'}


def test_merge_takes_the_base_it_is_given(depot: GitDepot) -> None:
    """The merge base by history would be ``one``; an attempt made anew must be merged from the base it was made on."""
    root = depot.refresh().tip
    one = depot.propose(root, [root], "one", {"a.txt": b"one\n"})
    two = depot.propose(one, [one], "two", {"a.txt": b"two\n"})
    back = depot.propose(two, [one], "back", {"dir0": b"b\n"})
    merged = depot.merge(root, two, back)
    assert isinstance(merged, str)
    assert depot.read(merged, "dir0") == b"b\n"
    assert depot.merge(two, root, two) == depot.merge(root, root, root)


def test_merge_shortcuts(depot: GitDepot) -> None:
    base = depot.refresh().tip
    other = depot.propose(base, [base], "x", {"a.txt": b"x\n"})
    tree = bare(depot, "rev-parse", f"{other}^{{tree}}")
    assert depot.merge(base, base, other) == depot.merge(base, other, base) == depot.merge(base, other, other) == tree


def test_merge_leaves_attributes_and_drivers_of_a_repository_alone(git_repo: GitRepo, tmp_path: Path) -> None:
    root = git_repo({"a.txt": "1\n", ".gitattributes": "*.txt merge=x\n"})
    git(root, "config", "merge.x.driver", f"touch {tmp_path}/ran; true")
    depot, base = opened(root), tip(root)
    sides = [depot.propose(base, [base], "x", {"a.txt": text}) for text in (b"2\n", b"3\n")]
    assert in_conflict(depot.merge(base, *sides)) == ("a.txt",)
    assert not (tmp_path / "ran").exists()


def test_renamed_and_changed(git_repo: GitRepo) -> None:
    text = "".join(f"line {number}\n" for number in range(20))
    root = git_repo({"old.txt": text})
    depot, base = opened(root), tip(root)
    place = depot.workspace("one", base)
    (place / "old.txt").rename(place / "new.txt")
    renamed = depot.take("one", base, "renamed")
    assert renamed is not None
    changed = depot.propose(base, [base], "x", {"old.txt": text.replace("line 3\n", "line three\n").encode()})
    merged = depot.merge(base, renamed.commit, changed)
    assert isinstance(merged, str)
    assert "line three" in (depot.read(merged, "new.txt") or b"").decode()
