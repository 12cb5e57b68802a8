"""What the doctor says of the agents in the settings."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from chargehand.model.config import AgentConfig, Config
from chargehand.service.checkup import examine
from chargehand.service.project import Project
from tests.doctor.conftest import Ward
from tests.run.test_json_outputs import valid

PLACE = Path(__file__).parents[2] / ".venv" / "agents" / "bin"
SECRET = "sk-a-secret-nobody-may-see"


def agents(ward: Ward, text: str, chosen: str = "a") -> None:
    ward.write("chargehand.toml", f'agent = "{chosen}"\n{text}')
    ward.commit("settings")


def test_every_agent_is_looked_at(ward: Ward) -> None:
    ward.program("claude")
    others = '[agents.b]\nkind = "codex"\n[agents.c]\ncommand = "/bin/true"\n'
    agents(ward, f'[agents.a]\nkind = "claude"\nmodel = "claude-sonnet-4-5"\n{others}')
    told = valid("doctor", ward.told(env={"ANTHROPIC_API_KEY": SECRET}))
    found = {each["name"]: each for each in told["agents"]}
    assert found["a"] == {
        "name": "a",
        "kind": "claude",
        "model": "claude-sonnet-4-5",
        "used": True,
        "version": "3.2.1",
        "key": "ANTHROPIC_API_KEY",
        "login": False,
        "metering": "gateway",
        "edits": True,
        "flags_checked": True,
        "missing_flags": [],
    }
    assert found["b"]["used"] is False
    finding = {each["what"]: each for each in told["findings"]}
    assert finding["agent a"]["level"] == "ok"
    assert "metered through the gateway" in finding["agent a"]["detail"]
    assert finding["agent b"]["level"] == "warning"  # no run would call it
    assert "npm i -g @openai/codex" in finding["agent b"]["fix"]
    assert "usage read from its output" in finding["agent c"]["detail"]
    assert SECRET not in str(told)


def test_a_model_without_a_price_is_told_of(ward: Ward) -> None:
    ward.program("claude")
    agents(ward, '[agents.a]\nkind = "claude"\nmodel = "m"\n')
    finding = ward.findings(env={"ANTHROPIC_API_KEY": SECRET})["agent a"]
    assert finding["level"] == "warning"
    assert "no price is known for m" in finding["detail"]
    assert '[prices."m"]' in finding["fix"]


def test_what_a_run_needs_and_is_not_there_is_a_problem(ward: Ward) -> None:
    agents(ward, '[agents.a]\nkind = "claude"\nprogram = "no-such-claude"\n')
    assert ward.findings(code=5)["agent a"]["level"] == "problem"


def test_reviewers_are_needed_too(ward: Ward) -> None:
    text = '[agents.a]\ncommand = "/bin/true"\n[agents.b]\nkind = "codex"\nprogram = "no-such-codex"\n'
    agents(ward, text)
    assert ward.findings()["agent b"]["level"] == "warning"
    agents(ward, text + '[review]\npolicy = "required"\nagents = ["b"]\n')
    assert ward.findings(code=5)["agent b"]["level"] == "problem"


def test_a_missing_key_is_told_with_the_ways_out(ward: Ward) -> None:
    ward.program("claude")
    agents(ward, '[agents.a]\nkind = "claude"\n')
    found = ward.findings(code=5)["agent a"]
    assert found["level"] == "problem"
    assert "ANTHROPIC_API_KEY" in found["detail"]
    assert "export ANTHROPIC_API_KEY=" in found["fix"]
    assert "login = true" in found["fix"]
    agents(ward, '[agents.a]\nkind = "claude"\nkey = "MY_OWN_KEY"\n')
    assert "MY_OWN_KEY is not set" in ward.findings(code=5)["agent a"]["detail"]


def test_a_login_is_looked_for(ward: Ward, clean_environment: Path) -> None:
    ward.program("claude")
    own = clean_environment / ".config" / "chargehand" / "config.toml"
    own.parent.mkdir(parents=True)
    own.write_text('agent = "a"\n[agents.a]\nkind = "claude"\nlogin = true\n')
    assert "there is none" in ward.findings(code=5)["agent a"]["detail"]
    (clean_environment / ".claude").mkdir()
    (clean_environment / ".claude" / ".credentials.json").write_text(SECRET)
    told = ward.told(env={"ANTHROPIC_API_KEY": SECRET})
    assert told["agents"][0]["login"] is True
    assert told["agents"][0]["metering"] == "stream"
    assert told["agents"][0]["key"] == ""
    assert SECRET not in str(told)


def test_a_version_that_lacks_a_flag_is_told(ward: Ward) -> None:
    ward.program("claude", without="--strict-mcp-config")
    agents(ward, '[agents.a]\nkind = "claude"\n')
    found = ward.findings()["agent a"]
    assert found["level"] == "warning"
    assert "does not know --strict-mcp-config" in found["detail"]


def test_a_program_is_asked_once_until_it_changes(ward: Ward) -> None:
    ward.program("claude")
    agents(ward, '[agents.a]\nkind = "claude"\n')
    ward.findings(code=5)
    assert ward.starts("claude") == 2
    assert "3.2.1" in ward.findings(code=5)["agent a"]["detail"]
    assert ward.starts("claude") == 2
    path = ward.program("claude", without="--verbose")
    os.utime(path, ns=(1, 1))
    assert "does not know --verbose" in ward.findings()["agent a"]["detail"]
    assert ward.starts("claude") == 4


def test_a_program_that_hangs_does_not_hold_up_the_others(ward: Ward, tmp_path: Path) -> None:
    hangs, works = ward.program("claude", first="sleep 500"), ward.program("codex")
    config = Config(
        agents={"a": AgentConfig(kind="claude", program=str(hangs)), "b": AgentConfig(kind="codex", program=str(works))}
    )
    hung, well = examine(Project(tmp_path), config, {"PATH": "/usr/bin:/bin"}, tmp_path / "cache.json", patience_s=2)
    assert (hung.told["version"], hung.told["flags_checked"]) == ("", False)
    assert (well.told["version"], well.told["flags_checked"]) == ("3.2.1", True)


def test_programs_see_neither_keys_nor_the_home(ward: Ward, clean_environment: Path) -> None:
    ward.program("claude", first=f"env > {ward.bin}/seen; touch $HOME/mark")
    agents(ward, '[agents.a]\nkind = "claude"\n')
    ward.findings(env={"ANTHROPIC_API_KEY": SECRET})
    assert SECRET not in (ward.bin / "seen").read_text()
    assert not (clean_environment / "mark").exists()


def test_settings_of_an_agent_that_cannot_be(ward: Ward) -> None:
    agents(ward, '[agents.a]\nkind = "claude"\napi = "gemini"\n')
    assert "does not speak gemini" in ward.findings(code=5)["agent a"]["detail"]


def test_a_model_that_only_answers_is_named_so(ward: Ward) -> None:
    agents(ward, '[agents.a]\ncommand = "/bin/true"\n[agents.b]\nkind = "ollama"\nmodel = "m"\nurl = "http://127.0.0.1:9"\n')
    found = ward.findings()["agent b"]
    assert "no server answers at http://127.0.0.1:9" in found["detail"]
    assert "ollama serve" in found["fix"]


@pytest.mark.skipif(not (PLACE.parent / ".installed").exists() and not os.environ.get("CI"), reason="not installed: make agents")
@pytest.mark.parametrize("kind", ["claude", "codex", "opencode", "pi", "gemini"])
def test_the_real_programs_have_every_flag_we_use(kind: str, tmp_path: Path) -> None:
    config = Config(agents={kind: AgentConfig(kind=kind, program=str(PLACE / kind), model="m")})  # type: ignore[arg-type]
    keys = {"ANTHROPIC_API_KEY": "k", "OPENAI_API_KEY": "k", "GEMINI_API_KEY": "k"}
    ambient = {"PATH": f"{PLACE}:{os.environ['PATH']}", **keys}
    [look] = examine(Project(tmp_path), config, ambient, tmp_path / "cache.json", patience_s=60)
    assert look.trouble == ""
    assert look.told["flags_checked"] is True
    assert look.told["missing_flags"] == []
    assert look.told["version"][0].isdigit()
