"""What the doctor says of everything but agents, and what init proposes."""

from __future__ import annotations

import os
import time
import tomllib
from pathlib import Path

from tests.doctor.conftest import Ward


def test_the_cage_is_tried(ward: Ward) -> None:
    ward.config()
    none = ward.findings("--cage", "none")["cage"]
    assert none["level"] == "warning"
    assert "agents run with your rights" in none["detail"]
    missing = ward.findings("--cage", "bwrap", code=5, env={"PATH": f"{ward.bin}:{_without('bwrap', ward)}"})["cage"]
    assert missing["level"] == "problem"
    assert "bubblewrap was not found" in missing["detail"]


def _without(program: str, ward: Ward) -> str:
    """A folder with links to git and sh, and nothing else."""
    folder = ward.root.parent / "few"
    folder.mkdir()
    for name in ("git", "sh"):
        (folder / name).symlink_to(f"/usr/bin/{name}")
    assert not (folder / program).exists()
    return str(folder)


def test_a_clock_that_is_behind_is_noticed(ward: Ward) -> None:
    ward.config()
    assert ward.findings()["clock"]["level"] == "ok"
    ward.run("run")
    ahead = time.time() + 9999
    os.utime(ward.root / ".chargehand" / "ledger.db", (ahead, ahead))
    found = ward.findings()["clock"]
    assert found["level"] == "warning"
    assert "it is behind" in found["detail"]


def test_what_is_left_over_is_told(ward: Ward) -> None:
    ward.config()
    assert ward.findings()["engine"]["detail"] == "nothing under way, nothing left over"
    (ward.root / ".chargehand" / "work" / "r1-TASK-001-1").mkdir(parents=True)
    found = ward.findings()["leftovers"]
    assert found["level"] == "warning"
    assert "chargehand gc" in found["fix"]


def test_init_proposes_the_programs_it_found(ward: Ward) -> None:
    ward.program("codex")
    ward.program("claude")
    only = {"PATH": f"{ward.bin}:/usr/bin:/bin", "OPENAI_API_KEY": "x"}
    assert "agents: claude, codex" in ward.run("init", env=only).stdout
    text = ward.read("chargehand.toml")
    settings = tomllib.loads(text)
    assert settings["agent"] == "claude"
    assert settings["agents"] == {"claude": {"kind": "claude"}, "codex": {"kind": "codex"}}
    assert text.count("# it needs a key: export ANTHROPIC_API_KEY=...") == 1
    assert "export OPENAI_API_KEY" not in text
    assert "no key" in ward.findings(code=5, env=only)["agent claude"]["detail"]


def test_init_proposes_a_login_that_is_there(ward: Ward, clean_environment: Path) -> None:
    ward.program("claude")
    (clean_environment / ".claude").mkdir()
    (clean_environment / ".claude" / ".credentials.json").write_text("{}")
    only = {"PATH": f"{ward.bin}:/usr/bin:/bin"}
    ward.run("init", env=only)
    assert tomllib.loads(ward.read("chargehand.toml"))["agents"] == {"claude": {"kind": "claude", "login": True}}
    assert "chargehand trust" in ward.findings(code=5, env=only)["settings"]["fix"]
    ward.run("trust", "--yes", env=only)
    assert "its own login" in ward.findings(env=only)["agent claude"]["detail"]


def test_init_without_any_agent_says_how(ward: Ward) -> None:
    assert "no known agent on PATH" in ward.run("init", env={"PATH": "/usr/bin:/bin"}).stdout
    assert "agents" not in tomllib.loads(ward.read("chargehand.toml"))
