"""The target moves only from where it was expected, and the user's branch follows without anything of his being lost."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.depot.depot_room import bare, commit, fingerprint, git, in_conflict, landed, opened, tip, work, write

from chargehand.depot.depot import GitDepot
from chargehand.model.errors import EnvironmentProblem, RepositoryProblem
from chargehand.ports import Delivery

GitRepo = Callable[..., Path]
PENDING = "git merge --ff-only refs/chargehand/landed/main"
OURS = (".chargehand/", ".git/objects/", ".git/refs/chargehand/")


@pytest.fixture
def root(git_repo: GitRepo) -> Path:
    return git_repo({"a.txt": "1\n", "b.txt": "1\n", "dir/c.txt": "1\n"})


@pytest.fixture
def depot(root: Path) -> GitDepot:
    return opened(root)


# Landing


def test_lands_from_where_it_was_expected(root: Path, depot: GitDepot) -> None:
    base = tip(root)
    one = work(depot, "one", lambda place: write(place, "one.txt"))
    two = work(depot, "two", lambda place: write(place, "two.txt"))
    assert not depot.contains(one)
    assert depot.land(one, base)
    assert not depot.land(two, base)
    assert (depot.refresh().tip, depot.contains(one), depot.contains(two)) == (one, True, False)
    assert not depot.land(two, "0" * 40)
    assert not depot.contains("0" * 40)
    assert tip(root) == base


def test_of_many_at_once_exactly_one_lands(root: Path, depot: GitDepot) -> None:
    base = tip(root)
    proposals = [depot.propose(base, [base], f"{number}", {"a.txt": b"%d\n" % number}) for number in range(12)]
    other = opened(root)  # not the same lock: the ref itself decides
    with ThreadPoolExecutor(12) as pool:
        won = list(pool.map(lambda item: (other if item[0] % 2 else depot).land(item[1], base), enumerate(proposals)))
    assert won.count(True) == 1
    assert depot.refresh().tip == proposals[won.index(True)]


def test_everybody_lands_in_turn(depot: GitDepot) -> None:
    def attempt(number: int) -> str:
        name = f"t{number}"
        base = depot.refresh().tip
        mine = work(depot, name, lambda place: write(place, f"{name}.txt"), base)
        while True:
            now = depot.refresh().tip
            tree = depot.merge(base, now, mine)
            assert isinstance(tree, str)
            candidate = depot.propose(tree, [now], name, {})
            if depot.land(candidate, now):
                depot.deliver()
                return candidate

    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(attempt, range(12)))
    assert all(depot.contains(candidate) for candidate in made)
    root = depot.user.repository.root
    assert tip(root) == depot.refresh().tip
    assert {f"t{number}.txt" for number in range(12)} <= {path.name for path in root.iterdir()}
    assert git(root, "status", "--porcelain") == ""


def test_a_commit_that_does_not_exist_is_an_error_not_a_race(root: Path, depot: GitDepot) -> None:
    with pytest.raises(EnvironmentProblem, match="cannot move refs/heads/main"):
        depot.land("0123456789" * 4, tip(root))


# What the user does meanwhile


def test_his_commits_are_taken_over(root: Path, depot: GitDepot) -> None:
    base = tip(root)
    assert depot.refresh().moved is False
    his = commit(root, his_txt="1\n")
    proposal = depot.propose(base, [base], "x", {"a.txt": b"2\n"})
    assert not depot.land(proposal, base)
    seen = depot.refresh()
    assert (seen.tip, seen.user_tip, seen.moved, seen.diverged) == (his, his, True, False)
    assert depot.read(his, "his.txt") == b"1\n"
    assert depot.refresh().moved is False
    git(root, "gc", "--quiet")
    packed = commit(root, more_txt="1\n")
    git(root, "pack-refs", "--all")
    assert depot.refresh().tip == packed


def test_his_rewritten_branch_is_taken_when_nothing_is_pending(root: Path, depot: GitDepot) -> None:
    old = commit(root, his_txt="1\n")
    assert depot.refresh().tip == old
    git(root, "reset", "--quiet", "--hard", "HEAD~1")
    new = commit(root, other_txt="1\n")
    seen = depot.refresh()
    assert (seen.tip, seen.moved, seen.diverged) == (new, True, False)
    made = landed(depot, "one", "one.txt")
    assert depot.deliver().how == "checkout"
    git(root, "reset", "--quiet", "--hard", "HEAD~1")
    assert (depot.refresh().tip, depot.contains(made)) == (new, False)


def test_many_objects_at_once(root: Path, depot: GitDepot) -> None:
    for number in range(300):
        write(root, f"many/f{number}", f"{number}\n")
    his = commit(root)
    assert depot.refresh().tip == his
    assert depot.read(his, "many/f299") == b"299\n"
    assert bare(depot, "fsck", "--full", "--no-dangling") == ""


def test_his_branch_deleted(root: Path, depot: GitDepot) -> None:
    git(root, "switch", "--quiet", "-c", "maine")
    git(root, "branch", "--quiet", "-D", "main")
    for use in (depot.refresh, depot.deliver, lambda: depot.land("0" * 40, "0" * 40)):
        with pytest.raises(RepositoryProblem, match="no branch main") as caught:
            use()
        assert "maine" in caught.value.hint


# Delivery


def test_nothing_to_deliver(root: Path, depot: GitDepot) -> None:
    before = fingerprint(root)
    assert depot.deliver() == Delivery("checkout")
    assert fingerprint(root) == before


def test_a_clean_checkout_is_fast_forwarded(root: Path, depot: GitDepot) -> None:
    write(root, "untracked.txt", "his\n")
    made = landed(depot, "one", "new/one.txt")
    log = len(git(root, "reflog").splitlines())
    assert depot.deliver() == Delivery("checkout")
    assert (tip(root), git(root, "rev-parse", "HEAD")) == (made, made)
    assert (root / "new/one.txt").read_text() == "new\n"
    assert git(root, "status", "--porcelain") == "?? untracked.txt"
    assert git(root, "symbolic-ref", "HEAD") == "refs/heads/main"
    assert len(git(root, "reflog").splitlines()) == log + 1
    assert "chargehand: land" in git(root, "reflog", "-1")
    assert git(root, "fsck", "--full") == ""


def test_a_branch_not_checked_out_is_moved_and_nothing_else(root: Path, depot: GitDepot) -> None:
    git(root, "switch", "--quiet", "-c", "feature")
    write(root, "a.txt", "dirty\n")
    before = fingerprint(root)
    made = landed(depot, "one", "one.txt")
    assert depot.deliver() == Delivery("branch")
    assert tip(root) == made
    after = fingerprint(root)
    moved = {".git/refs/heads/main", ".git/logs/refs/heads/main", ".git/refs/chargehand/", ".git/refs/chargehand/landed/"}
    assert {name for name in before | after if before.get(name) != after.get(name)} <= moved


def _dirty(root: Path, how: str) -> None:
    match how:
        case "edited":
            write(root, "b.txt", "mine\n")
        case "staged":
            write(root, "b.txt", "mine\n")
            git(root, "add", "b.txt")
        case "untracked in the way":
            write(root, "one.txt", "mine\n")
        case "ignored in the way":
            write(root, ".git/info/exclude", "one.txt\n")
            write(root, "one.txt", "mine\n")
        case "a folder in the way":
            write(root, "one.txt/mine", "mine\n")
        case "deleted":
            (root / "b.txt").unlink()
        case "index locked":
            write(root, ".git/index.lock", "")
        case "merging":
            git(root, "switch", "--quiet", "-c", "side")
            commit(root, b_txt="1\n", side_txt="x\n")
            git(root, "switch", "--quiet", "main")
            git(root, "merge", "--quiet", "--no-commit", "--no-ff", "side")
        case "merging without a difference":
            git(root, "switch", "--quiet", "-c", "side")
            commit(root, side_txt="x\n")
            git(root, "switch", "--quiet", "main")
            git(root, "merge", "--quiet", "--no-commit", "-s", "ours", "side")
        case "rebasing":
            git(root, "switch", "--quiet", "-c", "side", "HEAD~1")
            commit(root, side_txt="x\n")
            git(root, "switch", "--quiet", "main")
            git(root, "-c", "sequence.editor=sed -i 1ibreak", "rebase", "--quiet", "-i", "side")
        case _:
            raise AssertionError(how)


IN_USE = [
    "edited", "staged", "untracked in the way", "ignored in the way", "a folder in the way", "deleted", "index locked", "merging",
    "merging without a difference", "rebasing",
]  # fmt: skip


@pytest.mark.parametrize("how", IN_USE)
def test_a_checkout_in_use_stays_as_it_is_to_the_byte(root: Path, how: str) -> None:
    commit(root, second_txt="2\n")
    write(root, "kept.txt", "stashed\n")
    git(root, "stash", "--quiet", "--include-untracked")
    depot = opened(root)
    made = landed(depot, "one", "one.txt")
    _dirty(root, how)
    before = fingerprint(root, OURS)
    delivery = depot.deliver()
    assert delivery == Delivery("pending", PENDING)
    after = fingerprint(root, OURS)
    assert {name for name in before | after if before.get(name) != after.get(name)} == set()
    assert git(root, "rev-parse", "refs/chargehand/landed/main") == made
    assert depot.deliver() == delivery
    assert depot.refresh().tip == made
    assert git(root, "fsck", "--full", "--no-dangling") == ""


def test_the_command_does_what_was_promised(root: Path, depot: GitDepot) -> None:
    write(root, "b.txt", "mine\n")
    landed(depot, "one", "one.txt")
    assert depot.deliver().how == "pending"
    made = landed(depot, "two", "two.txt")
    command = depot.deliver().command
    git(root, *command.split()[1:])
    seen = depot.refresh()
    assert (seen.tip, seen.moved, seen.diverged, tip(root)) == (made, False, False, made)
    assert depot.deliver() == Delivery("checkout")
    assert (root / "b.txt").read_text() == "mine\n"


def test_pending_work_is_delivered_once_the_checkout_is_clean(root: Path, depot: GitDepot) -> None:
    write(root, "b.txt", "mine\n")
    landed(depot, "one", "one.txt")
    assert depot.deliver().how == "pending"
    git(root, "checkout", "--quiet", "--", "b.txt")
    assert depot.deliver() == Delivery("checkout")
    assert (root / "one.txt").exists()
    assert git(root, "for-each-ref", "refs/chargehand/") == ""


def test_he_takes_over_half_of_it(root: Path, depot: GitDepot) -> None:
    write(root, "b.txt", "mine\n")
    one = landed(depot, "one", "one.txt")
    depot.deliver()
    two = landed(depot, "two", "two.txt")
    git(root, "merge", "--quiet", "--ff-only", one)
    seen = depot.refresh()
    assert (seen.tip, seen.user_tip, seen.moved, seen.diverged) == (two, one, False, False)
    three = landed(depot, "three", "three.txt")
    git(root, "checkout", "--quiet", "--", "b.txt")
    assert depot.deliver() == Delivery("checkout")
    assert tip(root) == three


def test_a_linked_worktree_of_his(root: Path, tmp_path: Path) -> None:
    git(root, "switch", "--quiet", "-c", "feature")
    place = tmp_path / "his other place"
    git(root, "worktree", "add", "--quiet", str(place), "main")
    write(root, "a.txt", "dirty\n")
    depot = opened(root)
    landed(depot, "one", "one.txt")
    before = fingerprint(root, (*OURS, ".git/worktrees/", ".git/refs/heads/main", ".git/logs/refs/heads/main"))
    assert depot.deliver() == Delivery("checkout")
    assert (place / "one.txt").exists()
    assert git(place, "status", "--porcelain") == ""
    assert fingerprint(root, (*OURS, ".git/worktrees/", ".git/refs/heads/main", ".git/logs/refs/heads/main")) == before
    write(place, "a.txt", "dirty\n")
    landed(depot, "two", "two.txt")
    assert depot.deliver() == Delivery("pending", f"git -C '{place}' merge --ff-only refs/chargehand/landed/main")


def test_the_run_itself_in_a_linked_worktree(root: Path, tmp_path: Path) -> None:
    place = tmp_path / "linked"
    git(root, "worktree", "add", "--quiet", "-b", "feature", str(place))
    depot = opened(place, target="feature")
    landed(depot, "one", "one.txt")
    assert depot.deliver() == Delivery("checkout")
    assert (place / "one.txt").exists()
    assert git(place, "status", "--porcelain") == ""


def test_a_git_directory_apart_from_the_checkout(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    git(root, "init", "--quiet", "--initial-branch=main", f"--separate-git-dir={tmp_path}/apart")
    git(root, "config", "user.name", "T")
    git(root, "config", "user.email", "t@example.invalid")
    commit(root, a_txt="1\n")
    depot = opened(root)
    landed(depot, "one", "one.txt")
    assert depot.deliver() == Delivery("checkout")
    assert (root / "one.txt").exists()


def test_a_detached_checkout_lets_the_branch_move(root: Path, depot: GitDepot) -> None:
    git(root, "checkout", "--quiet", "--detach")
    made = landed(depot, "one", "one.txt")
    assert depot.deliver() == Delivery("branch")
    assert tip(root) == made
    assert not (root / "one.txt").exists()


def test_stopped_between_the_files_and_the_branch(root: Path, depot: GitDepot) -> None:
    made = landed(depot, "one", "one.txt")
    git(root, "fetch", "--quiet", str(depot.git.git_dir), "main")
    git(root, "read-tree", "-m", "-u", "HEAD", made)
    assert depot.deliver() == Delivery("checkout")
    assert git(root, "status", "--porcelain") == ""


def test_objects_on_another_disk_are_copied(root: Path, depot: GitDepot, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, target: Path) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    landed(depot, "one", "one.txt")
    assert depot.deliver() == Delivery("checkout")
    assert git(root, "fsck", "--full") == ""


# Work that landed but was not delivered, and a user who goes on


def _diverge(root: Path, depot: GitDepot, **his: str) -> tuple[str, str]:
    """Two landed commits stay pending while he commits. Returns our tip and his."""
    write(root, "b.txt", "unsaved\n")
    landed(depot, "one", "one.txt")
    ours = landed(depot, "two", "two.txt")
    assert depot.deliver().how == "pending"
    return ours, commit(root, "his", **his)


def test_replayed_in_order_onto_his_tip(root: Path, depot: GitDepot) -> None:
    ours, his = _diverge(root, depot, his_txt="1\n")
    seen = depot.refresh()
    assert (seen.tip, seen.user_tip, seen.moved, seen.diverged) == (ours, his, False, True)
    assert not depot.land(depot.propose(ours, [ours], "x", {}), ours)
    assert depot.deliver() == Delivery("pending", "git merge refs/chargehand/landed/main")
    new = depot.replay()
    assert isinstance(new, str)
    assert depot.refresh().tip == ours
    assert bare(depot, "log", "--format=%s", "--reverse", f"{his}..{new}").split("\n") == ["one: landed", "two: landed"]
    old = bare(depot, "log", "-1", "--format=%an %ae %ad", ours)
    assert bare(depot, "log", "-1", "--format=%an %ae %ad", new) == old
    assert not depot.adopt_replay(new, his)
    assert depot.adopt_replay(new, ours)
    assert (depot.refresh().tip, depot.refresh().diverged) == (new, False)
    assert depot.deliver() == Delivery("checkout")
    assert tip(root) == new
    assert (root / "b.txt").read_text() == "unsaved\n"
    assert {"his.txt", "one.txt", "two.txt"} <= {path.name for path in root.iterdir()}


def test_what_a_replay_renames_is_told_until_it_is_noted(root: Path, depot: GitDepot) -> None:
    write(root, "b.txt", "unsaved\n")
    old = [landed(depot, name, f"{name}.txt") for name in ("one", "two")]
    depot.deliver()
    git(root, "fetch", "--quiet", str(depot.git.git_dir), old[0])
    git(root, "cherry-pick", old[0])
    git(root, "commit", "--quiet", "--amend", "--no-edit", "--date=2020-01-01T00:00:00")  # else it is the same within a second
    his = commit(root, "his", his_txt="1\n")
    assert depot.refresh().diverged
    new = depot.replay()
    assert isinstance(new, str)
    assert depot.renamed() == {}
    assert depot.adopt_replay(new, old[1])
    for _ in range(2):
        assert depot.renamed() == {old[0]: git(root, "rev-parse", f"{his}~1"), old[1]: new}
    depot.renames_noted()
    depot.renames_noted()
    assert depot.renamed() == {}


def test_he_moves_again_before_the_replay_is_adopted(root: Path, depot: GitDepot) -> None:
    ours, _ = _diverge(root, depot, his_txt="1\n")
    depot.refresh()
    new = depot.replay()
    assert isinstance(new, str)
    commit(root, "again", more_txt="1\n")
    assert not depot.adopt_replay(new, ours)
    assert depot.refresh().diverged
    again = depot.replay()
    assert isinstance(again, str)
    assert depot.adopt_replay(again, ours)


def test_replay_conflict(root: Path, depot: GitDepot) -> None:
    ours, _ = _diverge(root, depot, two_txt="his two\n")
    assert depot.refresh().diverged
    assert in_conflict(depot.replay()) == ("two.txt",)
    assert depot.refresh().tip == ours


def test_replay_leaves_out_what_he_already_has(root: Path, depot: GitDepot) -> None:
    _, his = _diverge(root, depot, one_txt="new\n", two_txt="new\n")
    assert depot.refresh().diverged
    assert depot.replay() == his


def test_replay_of_a_merge_keeps_the_work_as_second_parent(root: Path, depot: GitDepot) -> None:
    write(root, "b.txt", "unsaved\n")
    base = tip(root)
    attempt = work(depot, "one", lambda place: write(place, "one.txt"))
    merge = depot.propose(attempt, [base, attempt], "merged", {})
    assert depot.land(merge, base)
    depot.deliver()
    his = commit(root, "his", his_txt="1\n")
    assert depot.refresh().diverged
    new = depot.replay()
    assert isinstance(new, str)
    assert bare(depot, "log", "-1", "--format=%P", new).split() == [his, attempt]


def test_he_rewrites_while_work_is_pending(root: Path, depot: GitDepot) -> None:
    commit(root, old_txt="1\n")
    depot.refresh()
    write(root, "b.txt", "unsaved\n")
    ours = landed(depot, "one", "one.txt")
    depot.deliver()
    git(root, "reset", "--quiet", "--hard", "HEAD~1")
    assert depot.refresh().diverged
    new = depot.replay()
    assert isinstance(new, str)
    assert depot.read(new, "old.txt") is None
    assert depot.adopt_replay(new, ours)
    assert depot.deliver() == Delivery("checkout")
