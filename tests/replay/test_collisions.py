"""Tasks that collide on a real package, judged by its own suite: nothing is lost, and the target is green whatever it becomes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.replay.collisions import PAIRS, lay_out, merged_blindly, task_ids, text
from tests.replay.replaying import replay, suite, suite_by_commit
from tests.replay.test_replay import Trees, cachetools

__all__ = ["cachetools"]


@pytest.mark.timeout(300)
def test_the_target_is_never_red_and_nothing_is_lost_where_tasks_collide(cachetools: Trees, tmp_path: Path) -> None:
    colliders = (text(1), text(2), *PAIRS[:2])
    place = lay_out(cachetools[0], colliders, tmp_path)
    blind, _, lost = merged_blindly(place, colliders, tmp_path)
    assert lost == 1
    assert suite(blind.root).returncode, "each is green alone, and all of them are green together"

    outcome = replay(place, jobs=4, limit_s=200)

    assert outcome.code == 0, outcome.trouble
    assert sorted(place.landed()) == sorted(task_ids(colliders).values())
    assert outcome.ended("conflict", "gate_failed") >= 1
    assert outcome.unproven == []
    tips = list(dict.fromkeys(event["commit"] for event in outcome.of("target.delivered")))
    red = [commit for commit, passed in suite_by_commit(place, tmp_path / "clone", tips[-1:]) if not passed]
    assert not red
    assert place.read("CHANGELOG.rst").count("News") == 2
    assert '"6.0.0"' in place.read("src/cachetools/__init__.py")
    assert "6.0.0" in place.read("tests/test_version.py")
