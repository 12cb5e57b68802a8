"""What an agent sees of the user's environment: nothing, but for what is listed here and what the user passes by name."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

_PLAIN = frozenset({"PATH", "LANG", "LANGUAGE", "TZ", "TERM", "SHELL", "USER", "LOGNAME"})

# Where a version manager keeps its toolchains: found through a variable, or else below HOME, which the agent does not see.
# CARGO_HOME, GRADLE_USER_HOME and their like are left out: they hold credentials beside the tools.
_TOOLCHAINS = {
    "ASDF_DATA_DIR": ".asdf",
    "BUN_INSTALL": ".bun",
    "DENO_INSTALL": ".deno",
    "DOTNET_ROOT": ".dotnet",
    "FNM_DIR": ".local/share/fnm",
    "GOENV_ROOT": ".goenv",
    "MISE_DATA_DIR": ".local/share/mise",
    "NODENV_ROOT": ".nodenv",
    "NVM_DIR": ".nvm",
    "PYENV_ROOT": ".pyenv",
    "RBENV_ROOT": ".rbenv",
    "RUSTUP_HOME": ".rustup",
    "SDKMAN_DIR": ".sdkman",
    "UV_PYTHON_INSTALL_DIR": ".local/share/uv/python",
    "VOLTA_HOME": ".volta",
}
_TOOLCHAINS_ANYWHERE = frozenset({"ANDROID_HOME", "GOROOT", "JAVA_HOME", "RUBY_ROOT"})
_CHOICES = frozenset({"RUSTUP_TOOLCHAIN", "PYENV_VERSION"})

_CERTIFICATES = frozenset(
    {
        "CURL_CA_BUNDLE",
        "GIT_SSL_CAINFO",
        "NIX_SSL_CERT_FILE",
        "NODE_EXTRA_CA_CERTS",
        "REQUESTS_CA_BUNDLE",
        "SSL_CERT_DIR",
        "SSL_CERT_FILE",
    }
)
PROXIES = frozenset({"ALL_PROXY", "FTP_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY"})
_PASSWORD = re.compile(r"://[^/]*@|^[^/:]+:[^/@]+@")

PLACES = _CERTIFICATES | _TOOLCHAINS_ANYWHERE | frozenset(_TOOLCHAINS)
"""Variables whose value is a file or a folder that must be readable for them to mean anything."""

_ALLOWED = _PLAIN | _CHOICES | PLACES


def environment(ambient: Mapping[str, str], home: Path, passed: Sequence[str] = ()) -> dict[str, str]:
    """The environment of an agent whose private HOME is ``home``.

    ``passed`` names variables the user wants the agent to have; they win over everything else, and are the only way for a secret.
    A proxy whose address holds a password is not passed unless named.
    """
    return allowed(ambient) | private_home(home) | {name: ambient[name] for name in passed if name in ambient}


def allowed(ambient: Mapping[str, str]) -> dict[str, str]:
    """What every agent may see of the user's environment. The same for all agents of a run, and it looks for toolchains on disk."""
    result = {name: value for name, value in ambient.items() if _harmless(name, value)}
    return result | _toolchains(ambient, result)


def private_home(home: Path) -> dict[str, str]:
    """``home`` as the HOME of an agent; made here, with a TMPDIR in it, for the owner's eyes only."""
    temporary = home / "tmp"
    for folder in (home, temporary):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return {"HOME": str(home), "TMPDIR": str(temporary)}


def _harmless(name: str, value: str) -> bool:
    if name.upper() in PROXIES:
        return not _PASSWORD.search(value)
    return name in _ALLOWED or name.startswith("LC_")


def _toolchains(ambient: Mapping[str, str], known: Mapping[str, str]) -> dict[str, str]:
    if not (real_home := ambient.get("HOME")):
        return {}
    places = {name: Path(real_home, below) for name, below in _TOOLCHAINS.items() if name not in known}
    return {name: str(place) for name, place in places.items() if place.is_dir()}
