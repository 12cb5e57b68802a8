"""What of a repository tells agents how to behave or what to run, and whether the user has agreed to exactly that content.

Settings of the programs, their hooks, servers and tools; not instructions in words (CLAUDE.md, AGENTS.md), which only speak.
Everything is read from a commit, never from a checkout.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from chargehand.depot import repository
from chargehand.depot.git import Git
from chargehand.model.config import Config
from chargehand.model.errors import ConfigProblem, RepositoryProblem
from chargehand.service.project import Project

_FOLDERS = frozenset({".agents", ".claude", ".claude-plugin", ".codex", ".factory", ".gemini", ".opencode", ".pi", ".qwen"})
_FILES = frozenset(
    {".mcp.json", "opencode.json", "opencode.jsonc", ".env", ".aider.conf.yml", ".aider.model.settings.yml", ".aiderignore"}
)
_PLACES = tuple(f":(icase,glob)**/{name}/**" for name in sorted(_FOLDERS)) + tuple(
    f":(icase,glob)**/{name}" for name in sorted(_FILES)
)
_DIFF = ("diff-tree", "-r", "-p", "--no-renames", "--no-ext-diff", "--no-textconv", "--no-color")
_LOOKED_BACK = 200
"""How many changes of these files are looked at for the last one that was trusted."""

_LINK = b"120000"
_MODULE = b"160000"
_PREFIX = "workspace-"


class Found(NamedTuple):
    """The files that configure agents, as (path, SHA-256 of the content), and one hash over all of them. ``hash`` is empty when
    there are none, or when ``links`` names some whose content cannot be known by looking at them."""

    files: tuple[tuple[str, str], ...] = ()
    hash: str = ""
    links: tuple[str, ...] = ()


def obeys(project: Project, config: Config, commit: str) -> bool:
    """Whether agents that work on this commit of the depot may obey the settings in it."""
    if not config.trust:
        return False
    return is_trusted(config, look(project.state / "depot.git", commit).hash)


def is_trusted(config: Config, hash_: str) -> bool:
    """Whether the user agreed to this content."""
    return bool(hash_) and hash_ in config.trust


@lru_cache(maxsize=64)
def look(git_dir: Path, commit: str) -> Found:
    """The files of a commit that configure agents. Raises EnvironmentProblem."""
    git = Git(git_dir)
    listed = git.run("ls-tree", "-r", "-z", "--full-tree", "--end-of-options", commit, timeout=300.0).stdout
    entries = []
    for line in listed.split(b"\0")[:-1]:
        head, _, path = line.partition(b"\t")
        if _configures(path):
            mode, _, oid = head.split(b" ")
            entries.append((path, mode, oid))
    links = tuple(_shown(path) for path, mode, _ in entries if mode in (_LINK, _MODULE))
    if not entries or links:
        return Found(tuple((_shown(path), "") for path, _, _ in entries), links=links)
    whole, files = hashlib.sha256(), []
    for path, mode, oid in entries:
        content = hashlib.sha256(git.run("cat-file", "blob", oid.decode()).stdout)
        whole.update(b"%s %s %s\0" % (mode, content.hexdigest().encode(), path))
        files.append((_shown(path), content.hexdigest()))
    return Found(tuple(files), f"{_PREFIX}{whole.hexdigest()}")


def trusted_before(git_dir: Path, commit: str, trusted: Sequence[str]) -> str:
    """The newest commit behind ``commit`` whose settings for agents the user agreed to; empty when there is none."""
    if not any(hash_.startswith(_PREFIX) for hash_ in trusted):
        return ""
    listed = Git(git_dir).line("rev-list", f"--max-count={_LOOKED_BACK}", commit, "--", *_PLACES).split()
    return next((each for each in listed if look(git_dir, each).hash in trusted), "")


def changes(git_dir: Path, before: str, after: str) -> str:
    """What is different in the settings for agents of two commits, as a diff."""
    text = Git(git_dir).run(*_DIFF, "--end-of-options", before, after, "--", *_PLACES, timeout=300.0).stdout
    return text.decode("utf-8", "replace")


class Standing(NamedTuple):
    """The settings for agents in the last commit of a checkout. ``before`` is the newest commit with some the user agreed to,
    where he has not agreed to these; all empty without a repository or a commit."""

    git_dir: Path = Path()
    commit: str = ""
    found: Found = Found()
    agreed: bool = False
    before: str = ""


def standing(root: Path, trusted: Sequence[str]) -> Standing:
    """How what lies in the user's checkout stands to what he agreed to. Raises EnvironmentProblem."""
    try:
        place = repository.inspect(root)
    except RepositoryProblem:
        return Standing()
    if not place.head:
        return Standing()
    found = look(place.git_dir, place.head)
    agreed = found.hash in trusted
    before = trusted_before(place.git_dir, place.head, trusted) if found.files and not agreed else ""
    return Standing(place.git_dir, place.head, found, agreed, before)


def complaints(root: Path, config: Config) -> Iterator[str]:
    """What is to be said of settings for agents that are not obeyed."""
    stands = standing(root, config.trust)
    files = stands.found.files
    if not files or stands.agreed:
        return
    names = f"{files[0][0]} and {len(files) - 1} more" if files[1:] else files[0][0]
    if stands.before:
        yield f"settings for agents ({names}) are not obeyed: they changed since you trusted them (chargehand trust shows how)"
    else:
        yield f"settings for agents in the repository ({names}) are not obeyed: nobody trusted them (chargehand trust)"


def _configures(path: bytes) -> bool:
    parts = path.decode("utf-8", "replace").lower().split("/")
    # Their programs look for some of these in every folder, and on some file systems in any spelling.
    return not _FOLDERS.isdisjoint(parts) or parts[-1] in _FILES


def _shown(path: bytes) -> str:
    return path.decode("utf-8", "backslashreplace")


def remember(file: Path, hashes: list[str]) -> None:
    """Add hashes to ``trust`` in the user's own settings; the rest of the file stays as it is.

    Raises ConfigProblem when the file cannot be understood, OSError when it cannot be written.
    """
    text = file.read_text(encoding="utf-8-sig") if file.exists() else ""
    hint = f"add to the top of it: trust = [{', '.join(map(repr, hashes))}]"
    try:
        before = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigProblem(f"{file} is not valid TOML: {error}", hint="mend it first") from error
    known = before.get("trust", [])
    wanted = [*known, *(each for each in hashes if each not in known)]
    line = "trust = [\n" + "".join(f'  "{each}",\n' for each in wanted) + "]\n"
    top = re.match(r"(?ms).*?(?=^\s*\[)|.*", text)
    head = top[0] if top else text
    changed, count = re.subn(r"(?ms)^trust\s*=\s*\[.*?\][^\n]*(\n|\Z)", lambda _: line, head, count=1)
    fresh = (changed if count else line + head) + text[len(head) :]
    try:
        after = tomllib.loads(fresh)
    except tomllib.TOMLDecodeError as error:
        raise ConfigProblem(f"{file} cannot be changed safely", hint=hint) from error
    if after != {**before, "trust": wanted}:
        raise ConfigProblem(f"{file} cannot be changed safely", hint=hint)
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_name(f"{file.name}.new")
    new.write_text(fresh, encoding="utf-8")
    new.chmod(file.stat().st_mode & 0o777 if file.exists() else 0o600)
    new.replace(file)
