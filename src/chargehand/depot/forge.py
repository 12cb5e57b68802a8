"""Pull requests through ``gh``: it knows the user's forge and has his login. Nothing else here speaks to a remote."""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path

from chargehand.depot.git import environment, look, text
from chargehand.model.errors import EnvironmentProblem
from chargehand.ports import Offered
from chargehand.process.call import Result, call

_LONG = 300.0


class GhForge:
    """The port ``Forge``. ``root`` is the user's checkout; the text of the request is kept in ``drafts``, a folder of ours."""

    def __init__(self, root: Path, drafts: Path) -> None:
        self._root, self._drafts = root, drafts

    def offer(self, branch: str, into: str, title: str, body: str) -> Offered:
        """Push the branch and open the request, or bring the one that is there up to date."""
        draft = self._drafts / f"{branch.rpartition('/')[2]}.md"
        draft.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(body, encoding="utf-8")
        remote = self._remote(into)
        push = ("git", "push", remote or "REMOTE", f"{branch}:{branch}")
        create = ("gh", "pr", "create", "--base", into, "--head", branch, "--title", title, "--body-file", str(draft))
        both = f"{shlex.join(push)} && {shlex.join(create)}"
        if not remote:
            return Offered(command=both, problem="there is no remote to push to")
        if not shutil.which("gh"):
            return Offered(command=both, problem="gh is not installed")
        # No hooks and no transport settings of ours: his own remote, as his own git reaches it.
        pushed = self._call(("git", "-c", "core.hooksPath=/dev/null", *push[1:2], "--quiet", *push[2:]))
        if pushed.code:
            return Offered(command=both, problem=f"git push: {_last(pushed)}")
        made = self._call(create)
        if made.code:
            made = self._call(("gh", "pr", "edit", branch, "--title", title, "--body-file", str(draft)))
        if made.code:
            return Offered(command=shlex.join(create), problem=f"gh: {_last(made)}")
        return Offered(url=text(made.stdout).strip().splitlines()[-1] if made.stdout.strip() else branch)

    def _remote(self, into: str) -> str:
        """The remote the target belongs to, or the only one there is."""
        said = look(self._root, "config", "--get", f"branch.{into}.remote", accept=(0, 1))
        names = text(look(self._root, "remote").stdout).splitlines()
        wanted = text(said.stdout)
        if wanted in names:
            return wanted
        return "origin" if "origin" in names else names[0] if len(names) == 1 else ""

    def _call(self, argv: tuple[str, ...]) -> Result:
        # gh needs the user's own environment: his login is there.
        env = environment(own_settings=True) if argv[0] == "git" else {**os.environ, "GH_PROMPT_DISABLED": "1"}
        try:
            return call(argv, cwd=self._root, env=env, timeout=_LONG)
        except EnvironmentProblem as problem:
            return Result(1, b"", problem.message.encode())


def _last(result: Result) -> str:
    said = (text(result.stderr) or text(result.stdout)).strip().splitlines()
    return said[-1][:300] if said else f"exit code {result.code}"
