"""Our own agents through chargehand as a user has it: in the cage, through the meter, to a landed commit."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chargehand.process.bubblewrap import Bubblewrap
from tests.kit.modelserver import ModelServer
from tests.ours.conftest import KEY
from tests.run.conftest import Place

REPOSITORY = Path(__file__).parents[2]
CAGE = "none" if Bubblewrap().preflight() else "bwrap"


@pytest.fixture
def provider() -> Iterator[ModelServer]:
    with ModelServer(key=KEY) as running:
        yield running


class Site(Place):
    def prepare(self, agents: str, scenario: str) -> None:
        self.write("spec/tasks.md", f"# Tasks\n\n### TASK-001: Do it\n🟠 P1 | ⬜ TODO | Est: 1h\n\n{scenario}\n")
        self.write("chargehand.toml", f'agent = "a"\n{agents}')
        self.commit("the spec and the settings")


@pytest.fixture
def site(git_repo: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setenv("CHARGEHAND_CAGE", CAGE)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9")
    return Site(git_repo())


def test_deep(site: Site, provider: ModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pydantic_ai")
    monkeypatch.setenv("OPENAI_BASE_URL", provider.url)
    site.prepare('[agents.a]\nkind = "deep"\nmodel = "openai/gpt-5"\n', "SCENARIO: ok")
    site.run("run", "--all")
    assert site.git("show", "main:hello.txt") == "hello from the scripted model"
    assert KEY not in site.git("show", "main:hello.txt.env")
    costs = site.json("costs")["total"]
    assert costs["input_tokens"] == provider.spent().input
    assert costs["cost_usd"] > 0


def test_acp(site: Site) -> None:
    entry = "import sys; from acp_agent import main; sys.argv = ['x']; main()"
    kit = str(REPOSITORY / "tests" / "kit")
    words = json.dumps([sys.executable, "-c", f"import sys; sys.path.insert(0, '.'); {entry}"])
    site.write("acp_agent.py", (Path(kit) / "acp_agent.py").read_text())
    site.prepare(f'[agents.a]\nkind = "acp"\ncommand = {words}\n', "write out.txt all is well")
    site.run("run", "--all")
    assert site.git("show", "main:out.txt") == "all is well"
    assert site.json("costs")["total"]["cost_usd"] == 0.5


def test_a_model_that_only_answers_is_not_given_a_task(site: Site, provider: ModelServer) -> None:
    site.prepare(f'[agents.a]\nkind = "ollama"\nmodel = "test-model"\nurl = "{provider.url}"\n', "SCENARIO: say:x")
    refused = site.run("run", "--all", code=5)
    assert "only answers" in refused.stderr
    assert "review" in refused.stderr


def test_a_model_that_only_answers_reviews(site: Site, clean_environment: Path) -> None:
    answer = json.dumps({"review": {"findings": []}})
    with ModelServer(scenario=f"answer:{answer}") as server:
        host = server.url.removeprefix("http://")
        own = clean_environment / ".config" / "chargehand" / "config.toml"
        own.parent.mkdir(parents=True)
        own.write_text(f'[agents.b]\nkind = "ollama"\nmodel = "test-model"\nurl = "{server.url}"\nhosts = ["{host}"]\n')
        shell = json.dumps(["/bin/sh", "-c", "echo hello > out.txt"])
        review = '[review]\npolicy = "required"\nagents = ["b"]\nroles = ["quality"]\n'
        site.prepare(f"[agents.a]\ncommand = {shell}\n{review}", "write a file")
        site.run("run", "--all")
        assert site.git("show", "main:out.txt") == "hello"
        assert [request.path for request in server.requests] == ["/api/tags", "/api/chat"]
