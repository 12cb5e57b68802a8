"""An agent sees what it needs and no secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from chargehand.process.environment import environment


def test_an_allowlist_and_a_private_home(tmp_path: Path) -> None:
    plain = {
        "PATH": "/bin",
        "LANG": "C",
        "LC_ALL": "C",
        "TZ": "UTC",
        "TERM": "dumb",
        "SHELL": "/bin/sh",
        "USER": "u",
        "LOGNAME": "u",
    }
    home = tmp_path / "agent" / "home"
    result = environment({**plain, "HOME": "/home/u", "TMPDIR": "/var/tmp", "EDITOR": "vi", "LCX": "no"}, home)
    assert result == {**plain, "HOME": str(home), "TMPDIR": str(home / "tmp")}
    assert [path.stat().st_mode & 0o777 for path in (home, home / "tmp")] == [0o700, 0o700]


@pytest.mark.parametrize(
    "name",
    [
        "ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GITHUB_TOKEN", "AWS_SECRET_ACCESS_KEY", "SSH_AUTH_SOCK", "PIP_INDEX_URL",
        "npm_config__auth", "UV_INDEX_URL", "CARGO_HOME", "GIT_DIR", "LD_PRELOAD", "PYTHONPATH", "BASH_ENV",
        "DATABASE_URL", "CHARGEHAND_HOUSE",
    ],
)  # fmt: skip
def test_secrets_and_levers_get_in_by_name_only(tmp_path: Path, name: str) -> None:
    ambient = {"PATH": "/bin", name: "value"}
    assert name not in environment(ambient, tmp_path)
    assert environment(ambient, tmp_path, [name, "NOT_SET"])[name] == "value"
    assert "NOT_SET" not in environment(ambient, tmp_path, [name, "NOT_SET"])


def test_what_is_passed_wins(tmp_path: Path) -> None:
    assert environment({"HOME": "/home/u"}, tmp_path, ["HOME"])["HOME"] == "/home/u"


def test_toolchains_are_found_below_the_real_home(tmp_path: Path) -> None:
    real = tmp_path / "real"
    (real / ".pyenv").mkdir(parents=True)
    (real / ".rustup").mkdir()
    result = environment({"HOME": str(real), "RUSTUP_HOME": "/opt/rust", "JAVA_HOME": "/opt/java"}, tmp_path / "home")
    assert result["PYENV_ROOT"] == str(real / ".pyenv")
    assert result["RUSTUP_HOME"] == "/opt/rust"
    assert result["JAVA_HOME"] == "/opt/java"
    assert "NVM_DIR" not in result


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "http_proxy", "ALL_PROXY"])
@pytest.mark.parametrize(
    ("value", "open_to_all"),
    [("http://proxy:3128", True), ("proxy:3128", True), ("http://me:pw@proxy:3128", False), ("me:pw@proxy:3128", False)],
)
def test_a_proxy_passes_without_its_password(tmp_path: Path, name: str, value: str, open_to_all: bool) -> None:
    assert (name in environment({name: value}, tmp_path)) == open_to_all


def test_certificates_of_the_machine_pass(tmp_path: Path) -> None:
    ambient = {"SSL_CERT_FILE": "/etc/ca.pem", "NODE_EXTRA_CA_CERTS": "/etc/ca.pem", "NO_PROXY": "localhost"}
    assert ambient.items() <= environment(ambient, tmp_path).items()
