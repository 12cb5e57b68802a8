"""A release replayed: what lies between two releases of a real package, done task by task, gives the newer one to the byte."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from chargehand.agents import script_player
from tests.replay.cutting import File, Job, Tree, changed, cut, hunks, read_tree, script, write_tree
from tests.replay.releases import CACHETOOLS
from tests.replay.replaying import Unavailable, differing, fetch, lay_out, litter, replay, suite, suite_by_commit, task_ids

Trees = tuple[dict[str, File], dict[str, File]]


@pytest.fixture(scope="session")
def cachetools(tmp_path_factory: pytest.TempPathFactory) -> Trees:
    """Both releases. Fetched before a test's own environment is cleaned: where pip looks is the user's affair."""
    try:
        return fetch(CACHETOOLS, tmp_path_factory.mktemp("sdists"))
    except Unavailable as reason:
        if os.environ.get("CI"):
            pytest.fail(str(reason))
        pytest.skip(str(reason))


@pytest.mark.timeout(300)  # fetching included
def test_a_release_replayed_by_four_agents_is_the_newer_release_to_the_byte(cachetools: Trees, tmp_path: Path) -> None:
    old, new = cachetools
    place = lay_out(CACHETOOLS, old, new, tmp_path)
    assert differing(place, old) == []
    assert len(differing(place, new)) == 18
    first = place.git("rev-parse", "main")

    outcome = replay(place, jobs=4, limit_s=90)

    assert outcome.code == 0, outcome.trouble
    tasks = sorted(task_ids(CACHETOOLS).values())
    print(
        f"{len(tasks)} tasks in {outcome.seconds:.1f} s, {outcome.judged_again} judged again, {outcome.ended('conflict')} conflicts"
    )
    assert differing(place, new) == []
    assert litter(place) == []
    assert sorted(place.landed()) == tasks
    assert set(place.states().values()) == {"landed"}
    assert sorted(event["task"] for event in outcome.of("task.landed")) == tasks
    commits = place.git("rev-list", "--reverse", f"{first}..main").split()
    assert [event["commit"] for event in outcome.of("task.landed")] == commits
    assert outcome.unproven == []
    assert outcome.judged_again > 0, "four at once, and no candidate ever met a target that had moved"
    assert [passed for _, passed in suite_by_commit(place, tmp_path / "clone", commits[-1:])] == [True]


@pytest.mark.timeout(300)
def test_the_suite_tells_a_half_done_release_from_a_whole_one(cachetools: Trees, tmp_path: Path) -> None:
    old, new = cachetools
    half = {**old, "tests/test_cached.py": new["tests/test_cached.py"]}
    for name, tree in {"old": old, "half": half, "new": new}.items():
        write_tree(tree, tmp_path / name)
    assert [suite(tmp_path / name).returncode for name in ("old", "half", "new")] == [0, 1, 0]


# --- the cutting itself, on a difference of every kind ------------------------------------------------------------------------


def _file(text: str | bytes, executable: bool = False) -> File:
    return File(text if isinstance(text, bytes) else text.encode(), executable)


_LINES = [f"line {number}\r\n" if number % 7 == 0 else f"\fline {number} ü\n" for number in range(60)]
_EDITED = ["first\n", *_LINES[:20], *_LINES[23:40], "new \x7f\u2028\n", "newer\n", *_LINES[41:], "no end"]
OLD: Tree = {
    "text": _file("".join(_LINES), executable=True),
    "no end": _file("a\nb"),
    "binary": _file(b"\0\1\2"),
    "latin": _file("grün\n".encode("latin-1")),
    "mode": _file("same\n"),
    "gone": _file("gone\n"),
    "folder/gone": _file("gone\n"),
    "was empty": _file(""),
    "kept": _file("kept\n"),
}
NEW: Tree = {
    "text": _file("".join(_EDITED), executable=True),
    "no end": _file("a\nb\n"),
    "binary": _file(b"\0\1\3"),
    "latin": _file("blau ü\n".encode("latin-1")),
    "mode": _file("same\n", executable=True),
    "added": _file("added\n", executable=True),
    "was empty": _file("not any more\n"),
    "kept": _file("kept\n"),
}


def _pieces() -> list[str]:
    return [
        piece
        for path in changed(OLD, NEW)
        for piece in [f"{path}#{number}" for number in range(1, len(hunks(OLD, NEW, path)) + 1)] or [path]
    ]


def test_a_difference_is_cut_where_it_can_be() -> None:
    assert [piece for piece in _pieces() if "#" in piece] == ["no end#1", "text#1", "text#2", "text#3", "text#4", "was empty#1"]
    assert len(_pieces()) == 6 + len(["added", "binary", "folder/gone", "gone", "latin", "mode"])


@pytest.mark.parametrize("seed", range(3))
def test_all_pieces_in_any_order_give_the_newer_tree(seed: int, tmp_path: Path) -> None:
    pieces = _pieces()
    random.Random(seed).shuffle(pieces)
    steps = cut(OLD, NEW, [Job(piece, piece, (piece,)) for piece in pieces])
    write_tree(NEW, tmp_path / "material")
    play = tmp_path / "script.toml"
    play.write_text(script(steps, {piece: piece for piece in pieces}, "material"), encoding="utf-8")
    here = tmp_path / "here"
    write_tree(OLD, here)
    argv = [sys.executable, "-I", script_player.__file__, str(play)]
    for piece in pieces:
        subprocess.run(argv, cwd=here, env={**os.environ, "CHARGEHAND_TASK_ID": piece}, check=True, capture_output=True)
    files = [str(path.relative_to(here)) for path in here.rglob("*") if path.is_file()]
    assert changed(read_tree(here, files), NEW) == []


def test_a_cut_takes_everything_exactly_once() -> None:
    pieces = tuple(_pieces())
    assert cut(OLD, NEW, [Job("all", "All", pieces)])
    with pytest.raises(ValueError, match="nobody takes text#2,4"):
        cut(OLD, NEW, [Job("some", "Some", tuple(piece for piece in pieces if piece not in {"text#2", "text#4"}))])
    with pytest.raises(ValueError, match="nobody takes gone#0"):
        cut(OLD, NEW, [Job("some", "Some", tuple(piece for piece in pieces if piece != "gone"))])
    for wrong in ("text#2-3", "gone", "kept", "text#9", "nowhere"):
        with pytest.raises(ValueError, match=f"{wrong} is taken already, or does not differ"):
            cut(OLD, NEW, [Job("all", "All", pieces), Job("more", "More", (wrong,))])
