"""A shim that begins just now is not taken for an orphan of one that died."""

from __future__ import annotations

import os

import pytest

from chargehand.process import strays, tree


def test_a_shim_at_the_moment_of_its_birth_is_no_orphan(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between its start and its first instruction the kernel shows neither its environment nor its command line."""
    boot, newborn = tree.boot_id(), 0
    monkeypatch.setattr(tree, "processes", lambda: {pid: found for pid in (os.getpid(), newborn) if (found := tree.look(pid))})
    for _ in range(200):
        newborn = os.posix_spawn("/bin/true", ["true"], {strays.HOUSE_MARKER: "1"}, setsid=True)
        found = strays.belonging("/nowhere", strays.Record(shim=1, boot=boot))
        os.waitpid(newborn, 0)
        assert found == []
