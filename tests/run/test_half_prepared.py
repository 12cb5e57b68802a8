"""An engine that was killed while it made its folder."""

from __future__ import annotations

from .conftest import Place


def test_an_ignore_file_cut_short_is_written_again(place: Place) -> None:
    place.spec("TASK-001")
    place.config()
    (place.root / ".chargehand").mkdir()
    (place.root / ".chargehand/.gitignore").touch()
    place.run("run", "--all")
    assert place.git("status", "--porcelain") == ""
