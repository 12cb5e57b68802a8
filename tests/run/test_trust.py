"""A project's file can only allow less than the user does, unless he trusts exactly its content; so with settings for agents."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from chargehand.model.config import Config
from chargehand.service import trust
from chargehand.service.project import Project

from .conftest import Place

AGENT = '[agents.a]\ncommand = "true"\n'


@pytest.fixture(autouse=True)
def nothing_said_by_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CHARGEHAND_CAGE", raising=False)


def user_settings(text: str | None = None) -> Path:
    file = Path(os.environ["HOME"]) / ".config" / "chargehand" / "config.toml"
    if text is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return file


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('cage = "none"', "cage"),
        ("meter = false", "meter"),
        ('trust = ["workspace-00"]', "trust"),
        ("[prices.big]\ninput = 0\noutput = 0", "prices.big"),
        (f'{AGENT}hosts = ["*"]', "agents.a.hosts"),
        (f"{AGENT}login = true", "agents.a.login"),
        (f'{AGENT}url = "https://elsewhere.example"', "agents.a.url"),
        (f'{AGENT}env = ["HOME", "MY_API_KEY"]', "agents.a.env"),
        ('[gates.t]\ncommand = "true"\nnetwork = true', "gates.t.network"),
        ('[inspect]\noff = ["secrets"]', "inspect.off"),
        ("[inspect]\nprotect = []", "inspect.protect"),
        ("[inspect]\nmax_file_mb = 100", "inspect.max_file_mb"),
    ],
)
def test_a_project_file_may_not_allow_more(place: Place, text: str, key: str) -> None:
    place.write("chargehand.toml", text + "\n")
    refused = place.run("config", "show", code=2)
    assert f"`{key}`" in refused.stderr
    assert "chargehand.toml:" in refused.stderr
    assert "chargehand trust" in refused.stderr
    place.run("trust", "--yes")
    place.run("config", "show")
    place.write("chargehand.toml", "jobs = 3\n" + text + "\n")
    place.run("config", "show")


@pytest.mark.parametrize(
    "text",
    [
        'cage = "bwrap"\nmeter = true\n[gates.t]\ncommand = "true"\n[inspect]\noff = []\nmax_files = 5',
        f'cage = "auto"\n{AGENT}url = "http://127.0.0.1:9/v1"\nenv = ["HOME"]\npaid = false',
        '[review]\npolicy = "advisory"\n[approval]\ntasks = "P0"\notherwise = "approve"',
    ],
)
def test_less_or_as_much_is_free(place: Place, text: str) -> None:
    place.write("chargehand.toml", text + "\n")
    place.run("config", "show")


def test_the_user_may_allow_it_himself(place: Place) -> None:
    place.write("chargehand.toml", 'cage = "none"\n')
    place.run("config", "show", env={"CHARGEHAND_CAGE": "none"})
    user_settings('cage = "none"\n')
    place.run("config", "show")
    user_settings('cage = "bwrap"\n')
    place.write("chargehand.toml", 'cage = "auto"\n')
    assert "`cage` = 'auto'" in place.run("config", "show", code=2).stderr


def test_a_cap_of_the_user_cannot_be_raised(place: Place) -> None:
    user_settings("[budget]\nrun_usd = 5\n")
    place.write("chargehand.toml", "[budget]\nrun_usd = 4\ntask_usd = 100\n")
    place.run("config", "show")
    place.write("chargehand.toml", "[budget]\nrun_usd = 6\n")
    assert "`budget.run_usd` = 6" in place.run("config", "show", code=2).stderr


@pytest.mark.parametrize(
    ("own", "text", "key"),
    [
        ("[budget]\nrun_usd = 5", f"{AGENT}paid = false", "agents.a.paid"),
        ('[review]\npolicy = "required"', '[review]\npolicy = "advisory"', "review.policy"),
        ('[approval]\ntasks = "all"', '[approval]\ntasks = "P0"', "approval.tasks"),
        ('[approval]\ntasks = "all"', '[approval]\notherwise = "approve"', "approval.otherwise"),
        ('[inspect]\nprotect = ["a", "b"]', '[inspect]\nprotect = ["a"]', "inspect.protect"),
    ],
)
def test_what_the_user_asks_for_is_not_undone(place: Place, own: str, text: str, key: str) -> None:
    user_settings(f"{own}\n")
    place.write("chargehand.toml", f"{text}\n")
    assert f"`{key}`" in place.run("config", "show", code=2).stderr


def test_what_was_trusted_is_not_when_it_changes(place: Place) -> None:
    place.write("chargehand.toml", f'{AGENT}hosts = ["one.example"]\n')
    place.run("trust", "--yes")
    place.write("chargehand.toml", f'{AGENT}hosts = ["one.example", "two.example"]\n')
    assert "two.example" in place.run("config", "show", code=2).stderr


def test_a_file_cannot_trust_itself(place: Place) -> None:
    from chargehand.service.widening import fingerprint

    place.write("chargehand.toml", f'cage = "none"\ntrust = ["{fingerprint({"cage": "none"})}"]\n')
    assert "`cage`" in place.run("config", "show", code=2).stderr


def test_nothing_is_trusted_without_a_yes(place: Place) -> None:
    place.write(".mcp.json", "{}")
    place.commit()
    assert "no terminal to ask on" in place.run("trust", code=2).stderr
    assert place.json("trust")["added"] == []
    assert not user_settings().exists()


def test_trust_lists_the_files_and_remembers_their_hash(place: Place) -> None:
    place.write(".claude/settings.json", "{}")
    place.write("deep/.claude/skills/x.md", "x")
    place.write("opencode.json", "{}")
    place.write("CLAUDE.md", "be good")
    place.write("claude/other.json", "{}")
    place.commit()
    user_settings('# mine\njobs = 2\n\n[retry]\nattempts = 2 # "trust = []"\n')
    found = place.json("trust", "--yes")
    names = [file["path"] for file in found["workspace"]["files"]]
    assert names == [".claude/settings.json", "deep/.claude/skills/x.md", "opencode.json"]
    assert found["added"] == [found["workspace"]["hash"]]
    text = user_settings().read_text()
    assert tomllib.loads(text) == {"jobs": 2, "retry": {"attempts": 2}, "trust": found["added"]}
    assert "# mine" in text
    again = place.json("trust", "--yes")
    assert (again["added"], again["workspace"]["trusted"]) == ([], True)
    assert user_settings().read_text() == text
    place.write(".mcp.json", '{"new": 1}')
    place.commit()
    more = place.json("trust", "--yes")
    assert more["workspace"]["hash"] not in found["added"]
    assert tomllib.loads(user_settings().read_text())["trust"] == [*found["added"], *more["added"]]


def test_what_changed_since_it_was_trusted_is_shown(place: Place) -> None:
    """A server's command is swapped, in a later commit, beside one that touches nothing of the kind."""
    place.write("spec/tasks.md", "### TASK-001: Something\nP0 | TODO | Est: 1h\n")
    place.write("chargehand.toml", AGENT + '[gates.t]\ncommand = "true"\n')
    place.write("deep/.claude/settings.json", '{"hooks": "make lint"}\n')
    place.commit()
    said = place.run("run", "--all", code=None).stderr
    assert "settings for agents in the repository (deep/.claude/settings.json) are not obeyed" in said
    place.run("trust", "--yes")
    assert "not obeyed" not in place.run("run", "--all", code=None).stderr
    old = place.git("rev-parse", "HEAD")
    place.write("deep/.claude/settings.json", '{"hooks": "\x1b[2Jcurl elsewhere.example"}\n')
    place.write("other.txt", "x")
    place.commit()
    place.write("other.txt", "y")
    place.commit()
    found = place.json("trust")
    assert (found["workspace"]["trusted"], found["workspace"]["before"]) == (False, old)
    shown = place.run("trust", "--yes").stdout
    assert '-{"hooks": "make lint"}' in shown
    assert "curl elsewhere.example" in shown
    assert "\x1b" not in shown
    assert "other.txt" not in shown
    assert place.json("trust")["workspace"]["diff"] == ""
    place.write("deep/.claude/more.json", "{}")
    place.commit()
    assert "changed since you trusted them" in place.run("run", "--all", code=None).stderr


def test_a_link_is_never_trusted(place: Place) -> None:
    """What it leads to could change without it."""
    (place.root / ".claude").symlink_to("docs")
    place.commit()
    assert "never trusted" in place.run("trust", "--yes").stdout
    assert not user_settings().exists()


def test_nothing_to_trust(place: Place) -> None:
    assert "nothing here needs to be trusted" in place.run("trust").stdout


def test_settings_of_the_user_that_cannot_be_changed_safely_stay(place: Place) -> None:
    place.write(".mcp.json", "{}")
    place.commit()
    before = 'trust = [ # "]"\n]\n'
    user_settings(before)
    refused = place.run("trust", "--yes", code=2)
    assert "add to the top of it" in refused.stderr
    assert user_settings().read_text() == before


def test_a_run_asks_by_the_commit_it_works_on(place: Place) -> None:
    """Contents count, and nothing but contents: names, modes and bytes."""
    place.write(".mcp.json", "{}")
    first = place.commit()
    place.write("other.txt", "x")
    second = place.commit()
    place.write(".mcp.json", "{ }")
    third = place.commit()
    place.git("mv", ".mcp.json", "opencode.json")
    fourth = place.commit()
    none = place.git("rev-parse", f"{first}~1")
    (place.root / ".chargehand").mkdir()
    (place.root / ".chargehand" / "depot.git").symlink_to(place.root / ".git")
    project = Project(place.root)
    hashes = [trust.look(place.root / ".git", commit).hash for commit in (first, second, third, fourth, none)]
    assert hashes[0] == hashes[1]
    assert len(set(hashes)) == 4
    assert hashes[4] == ""
    config = Config(trust=[hashes[0]])
    assert [trust.obeys(project, config, commit) for commit in (first, second, third, fourth, none)] == [
        True,
        True,
        False,
        False,
        False,
    ]
    assert not trust.obeys(project, Config(), first)


def test_a_person_at_a_terminal_is_asked(place: Place) -> None:
    place.write(".mcp.json", "{}")
    place.commit()
    import pty

    for answer, added in (("n\n", False), ("y\n", True)):
        ours, theirs = pty.openpty()
        with subprocess.Popen([sys.executable, "-m", "chargehand", "trust"], cwd=place.root, stdin=theirs) as process:
            os.write(ours, answer.encode())
            assert process.wait(60) == 0
        os.close(ours)
        os.close(theirs)
        assert user_settings().exists() == added
