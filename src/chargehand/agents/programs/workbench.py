"""The tools of an agent of ours: files of one folder, a shell, a list of what is to do. They answer in words, errors too."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

_LONGEST = 24_000
_MOST = 300
_SHELL_S = 120
_LONGEST_SHELL_S = 1800


class Workbench:
    """``told`` hears of every file that was changed. Nothing outside of ``root`` is read or written but by the shell, which a cage
    keeps in."""

    def __init__(self, root: str, told: Callable[[str], None]) -> None:
        self.root = Path(os.path.realpath(root))
        self._told = told
        self._todo = ""

    def tools(self, *, read_only: bool) -> list[Callable[..., Any]]:
        looking: list[Callable[..., Any]] = [self.list_files, self.read_file, self.search, self.todo]
        return looking if read_only else [*looking, self.write_file, self.edit_file, self.shell]

    def list_files(self, path: str = ".", pattern: str = "*") -> str:
        """List files below a folder of the workspace whose names match a pattern such as *.py."""
        try:
            found = [str(file.relative_to(self.root)) for file in self._files(path) if file.match(pattern)]
        except (OSError, ValueError) as problem:
            return f"error: {problem}"
        more = f"\n... {len(found) - _MOST} more" if len(found) > _MOST else ""
        return ("\n".join(sorted(found)[:_MOST]) + more) or "no files"

    def read_file(self, path: str, first_line: int = 1, lines: int = 1000) -> str:
        """Read a text file of the workspace, from a line on (counted from 1)."""
        try:
            text = self._inside(path).read_text(encoding="utf-8")
        except (OSError, ValueError) as problem:
            return f"error: {problem}"
        wanted = text.splitlines(keepends=True)[max(0, first_line - 1) :][: max(1, lines)]
        return _cut("".join(wanted)) or "(nothing)"

    def search(self, pattern: str, path: str = ".", files: str = "*") -> str:
        """Search files of the workspace for a regular expression. Answers path:line: text."""
        found: list[str] = []
        try:
            wanted = re.compile(pattern)
            for file in self._files(path):
                if file.match(files):
                    found += self._matches(file, wanted)
                if len(found) > _MOST:
                    break
        except (OSError, ValueError, re.error) as problem:
            return f"error: {problem}"
        return _cut("\n".join(found[:_MOST])) or "nothing found"

    def write_file(self, path: str, content: str) -> str:
        """Write a whole file of the workspace; folders are made."""
        try:
            file = self._inside(path)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content, encoding="utf-8")
        except (OSError, ValueError) as problem:
            return f"error: {problem}"
        self._told(path)
        return f"wrote {path}"

    def edit_file(self, path: str, old: str, new: str, everywhere: bool = False) -> str:
        """Replace a text in a file of the workspace. It must occur exactly once, unless it is to be replaced everywhere."""
        try:
            file = self._inside(path)
            text = file.read_text(encoding="utf-8")
            count = text.count(old) if old else 0
            if not count or (count > 1 and not everywhere):
                return f"error: the text occurs {count} times in {path}"
            file.write_text(text.replace(old, new), encoding="utf-8")
        except (OSError, ValueError) as problem:
            return f"error: {problem}"
        self._told(path)
        return f"replaced {count} in {path}"

    def todo(self, items: str) -> str:
        """Keep the list of what is to be done and what is done; write all of it anew each time."""
        self._todo = items
        return f"the list now is:\n{_cut(items)}"

    async def shell(self, command: str, timeout_seconds: int = _SHELL_S) -> str:
        """Run a command in the workspace with bash, or sh where there is none. Answers its exit code and its output."""
        shell = "/bin/bash" if Path("/bin/bash").exists() else "/bin/sh"
        limit = min(max(1, timeout_seconds), _LONGEST_SHELL_S)
        # Into a file, not a pipe: what goes on in the background would keep that open.
        with tempfile.TemporaryFile() as out:
            try:
                process = await asyncio.create_subprocess_exec(
                    shell, "-c", command, cwd=self.root, stdin=asyncio.subprocess.DEVNULL, stdout=out, stderr=out, process_group=0
                )
            except (OSError, ValueError) as problem:
                return f"error: {problem}"
            try:
                said = f"exit code {await asyncio.wait_for(process.wait(), limit)}"
            except TimeoutError:
                said = f"error: it did not end within {limit} seconds and was killed"
            finally:
                if process.returncode is None:
                    with suppress(ProcessLookupError):
                        os.killpg(process.pid, signal.SIGKILL)
                    await process.wait()
            out.seek(0)
            return f"{said}\n{_cut(out.read(64 * _LONGEST).decode(errors='replace'))}"

    def _inside(self, path: str) -> Path:
        """The path, if it leads into the workspace, links and all. Raises ValueError."""
        real = Path(os.path.realpath(self.root / path))
        if not real.is_relative_to(self.root):
            raise ValueError(f"{path} is outside of the workspace")
        return real

    def _files(self, path: str) -> Iterator[Path]:
        top = self._inside(path)
        if top.is_file():
            yield top
        for folder, folders, names in os.walk(top):
            folders[:] = sorted(name for name in folders if name != ".git")
            yield from (Path(folder, name) for name in names)

    def _matches(self, file: Path, wanted: re.Pattern[str]) -> Iterator[str]:
        try:
            text = self._inside(str(file)).read_text(encoding="utf-8")
        except (OSError, ValueError):
            return
        for number, line in enumerate(text.splitlines(), 1):
            if wanted.search(line):
                yield f"{file.relative_to(self.root)}:{number}: {line[:300]}"


def _cut(text: str) -> str:
    """Long texts lose their middle: what matters is told at the begin and at the end."""
    if len(text) <= _LONGEST:
        return text
    half = _LONGEST // 2
    return f"{text[:half]}\n... {len(text) - _LONGEST} characters left out ...\n{text[-half:]}"
