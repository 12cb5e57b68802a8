"""A probe: one real task, in a repository that is gone afterwards."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.doctor.conftest import Ward
from tests.doctor.test_agents_examined import PLACE
from tests.kit.modelserver import ModelServer

GOOD = 'echo chargehand > probe.txt; echo \'{"usage": {"input_tokens": 1200, "output_tokens": 30}, "cost_usd": 0.0123}\''


def test_it_is_refused_unless_somebody_agrees(ward: Ward) -> None:
    ward.config(agent="touch ../called")
    assert "--yes" in ward.run("doctor", "--probe", code=2).stderr
    assert "--yes" in ward.run("doctor", "--probe", "--json", code=2).stdout
    assert not list(ward.root.parent.glob("**/called"))


def test_it_does_a_task_and_tells_what_it_cost(ward: Ward) -> None:
    ward.config(agent=GOOD)
    temporary = ward.root.parent / "tmp"
    temporary.mkdir()
    head = ward.git("rev-parse", "HEAD")
    found = ward.findings("--probe", "--yes", env={"TMPDIR": str(temporary)})["probe of fake"]
    assert found["level"] == "ok"
    assert "$0.01" in found["detail"]
    assert "1.2k tokens in" in found["detail"]
    assert (ward.git("rev-parse", "HEAD"), ward.git("status", "--porcelain")) == (head, "")
    assert not (ward.root / ".chargehand").exists()
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("shell", ["exit 3", "echo wrong > probe.txt", "true"])
def test_what_went_wrong_is_told(shell: str, ward: Ward) -> None:
    ward.config(agent=shell)
    found = ward.findings("--probe", "--yes", code=5)["probe of fake"]
    assert found["level"] == "problem"
    assert {"exit 3": "exit code 3", "echo wrong > probe.txt": "gate probe", "true": "nothing"}[shell] in found["detail"]


def test_another_agent_is_probed_by_name(ward: Ward) -> None:
    ward.write("tools/agent", f"#!/bin/sh\n{GOOD}\n").chmod(0o755)
    ward.write("chargehand.toml", 'agent = "a"\n[agents.a]\ncommand = "/bin/false"\n[agents.b]\ncommand = ["tools/agent"]\n')
    ward.commit()
    assert ward.findings("--probe", "--yes", "--agent", "b")["probe of b"]["level"] == "ok"
    assert ward.findings("--probe", "--yes", "--agent", "nobody", code=5)


@pytest.mark.skipif(not (PLACE.parent / ".installed").exists() and not os.environ.get("CI"), reason="not installed: make agents")
def test_a_real_program_through_the_gateway(ward: Ward, clean_environment: Path) -> None:
    key = "sk-real-0123456789abcdefghijklmnopqrstuvwxyz"
    with ModelServer(key=key, scenario="denied:echo+chargehand+>+probe.txt") as server:
        ward.write(
            "chargehand.toml",
            f'[agents.c]\nkind = "claude"\nprogram = "{PLACE}/claude"\nmodel = "test-model"\nurl = "{server.url}"\nkey = "REAL"\n',
        )
        own = clean_environment / ".config" / "chargehand" / "config.toml"
        own.parent.mkdir(parents=True)
        own.write_text('[prices."test-model"]\ninput = 3.0\noutput = 15.0\n')
        ward.commit()
        found = ward.findings("--probe", "--yes", env={"REAL": key})["probe of c"]
        assert found["level"] == "ok", found
        assert {request.key for request in server.requests} == {key}
        assert "$0.0" in found["detail"]
