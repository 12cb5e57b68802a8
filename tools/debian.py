"""Install the Debian packages that tests drive. Run: python tools/debian.py

Quick when they are there. Where this cannot be done (not root, not Debian, no network) it says so and ends well, because the tests
that need them skip and say why; where ``CI`` is set it fails.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

# Package: a program or file that is there when it is installed.
PACKAGES = {
    "bubblewrap": "bwrap",
    "tmux": "tmux",
}
_ENV = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}


def missing() -> list[str]:
    """The packages that are not there."""
    return [package for package, sign in PACKAGES.items() if not (Path(sign).exists() if "/" in sign else shutil.which(sign))]


def install(packages: list[str]) -> str:
    """Install them; why that was not possible, empty when it was."""
    if not shutil.which("apt-get"):
        return "there is no apt-get"
    if os.geteuid() != 0:
        return "only root may install"
    command = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", *packages]
    said = ""
    # The lists of packages may be old, or not there at all.
    for before in ([], ["apt-get", "update", "--quiet"]):
        if before:
            subprocess.run(before, env=_ENV, capture_output=True, check=False)
        done = subprocess.run(command, env=_ENV, capture_output=True, text=True, errors="replace", check=False)
        if not done.returncode and not missing():
            return ""
        said = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[-1]
    return said


def main() -> int:
    wanted = missing()
    if not wanted:
        return 0
    print(f"debian: installing {', '.join(wanted)}", file=sys.stderr)
    problem = install(wanted)
    if not problem:
        return 0
    print(f"debian: {', '.join(wanted)} cannot be installed: {problem}; tests that need them are skipped", file=sys.stderr)
    return 1 if os.environ.get("CI") else 0


if __name__ == "__main__":
    sys.exit(main())
