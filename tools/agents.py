"""Install the agents' programs that tests/clis drives. Run: python tools/agents.py FOLDER

The versions stand in requirements/agents/package.json; what they need, with hashes, in the lock file beside it. The programs are
then found in FOLDER/bin, with a node new enough for all of them. Without npm or a network this says so and ends well, because the
tests that need them skip; where ``CI`` is set it fails.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

WANTED = Path(__file__).parent.parent / "requirements" / "agents"
STAMP = ".installed"

# Scripts of packages do not run here, so programs that a script would put in place are linked from where they lie.
_MACHINE = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}.get(platform.machine().lower(), "x64")
PROGRAMS = {
    "node": ("", (f"node-linux-{_MACHINE}/bin/node",)),
    "claude": ("@anthropic-ai/claude-code", (f"@anthropic-ai/claude-code-linux-{_MACHINE}/claude",)),
    "codex": ("@openai/codex", (".bin/codex",)),
    "opencode": ("opencode-ai", (f"opencode-linux-{_MACHINE}/bin/opencode", f"opencode-linux-{_MACHINE}-baseline/bin/opencode")),
    "pi": ("@earendil-works/pi-coding-agent", (".bin/pi",)),
    "gemini": ("@google/gemini-cli", (".bin/gemini",)),
}
"""Program to its package (empty: others require it) and where it may lie in node_modules; the first that runs is taken."""


class Unavailable(Exception):
    """Why they cannot be installed here."""


def install(folder: Path) -> None:
    """Bring ``folder`` up to date. Raises Unavailable."""
    npm = shutil.which("npm")
    if npm is None:
        raise Unavailable("npm is not installed")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / STAMP).unlink(missing_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(WANTED / name, folder / name)
    flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error"]
    flags += [] if os.environ.get("CI") else ["--fetch-retries=0"]  # who is offline should not wait for it
    # Not npm ci: it refuses a lock file without the packages for machines that a registry does not offer.
    done = subprocess.run([npm, "install", *flags], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        said = [line.removeprefix("npm error ") for line in done.stderr.splitlines()]
        raise Unavailable("npm could not install them: " + ", ".join(said[:3]))
    links = folder / "bin"
    shutil.rmtree(links, ignore_errors=True)
    links.mkdir()
    versions = json.loads((WANTED / "package.json").read_text())["dependencies"]
    for program, (package, places) in PROGRAMS.items():
        _link(links, program, places, versions.get(package, ""))
    (folder / STAMP).touch()


def _link(links: Path, program: str, places: tuple[str, ...], version: str) -> None:
    link, said = links / program, ""
    for place in places:
        link.unlink(missing_ok=True)
        link.symlink_to(Path("..", "node_modules", place))
        said = _version(link)
        if said and version in said:
            return
    raise Unavailable(f"{program} {version} does not run here: {said or 'it said nothing'}")


def _version(program: Path) -> str:
    """What it says of itself; its HOME is a place where it may write."""
    home = program.parent.parent / "home"
    home.mkdir(exist_ok=True)
    environment = {"PATH": f"{program.parent}:/usr/bin:/bin", "HOME": str(home), "CI": "true"}
    try:
        done = subprocess.run([program, "--version"], env=environment, capture_output=True, text=True, check=False, timeout=120)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return (done.stdout + done.stderr).strip() if done.returncode == 0 else ""


def main(folder: Path) -> int:
    print("agents: installing the programs that the tests drive", flush=True)
    try:
        install(folder)
    except Unavailable as error:
        if os.environ.get("CI"):
            print(f"agents: {error}", file=sys.stderr)
            return 1
        print(f"agents: {error}; the tests that need them will be skipped", file=sys.stderr)
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python tools/agents.py FOLDER")
    sys.exit(main(Path(sys.argv[1])))
