"""What models answered can be kept, and played again without a provider."""

from __future__ import annotations

import shutil

import pytest

from tests.clis.conftest import KEY, Site
from tests.kit.script import TEXT


@pytest.mark.parametrize("program", ["claude"], indirect=True)
def test_a_run_is_recorded_without_its_key_and_played_without_a_provider(site: Site) -> None:
    site.prepare("write")
    site.run("run", "--record", "cassette.jsonl")
    recorded = site.read("cassette.jsonl")
    assert recorded
    assert KEY not in recorded
    asked = len(site.server.requests)
    shutil.rmtree(site.root / ".chargehand")  # the same run once more: a later one has another name, and asks in other words
    site.git("reset", "--quiet", "--hard", "HEAD~1")
    done = site.run("run", "--replay", "cassette.jsonl", code=None)
    assert len(site.server.requests) == asked, "nothing left this machine"
    assert done.returncode == 0, done.stdout
    assert site.content("hello.txt") == TEXT.strip()
