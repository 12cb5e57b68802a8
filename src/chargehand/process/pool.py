"""The engine's side: shims, kept for the next launch when one is done, so that Python's start-up is paid once per slot."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec

from chargehand.model.errors import EnvironmentProblem
from chargehand.model.work import Exit
from chargehand.ports import Launch
from chargehand.process import adoption, tree
from chargehand.process.link import Answer, Link

_TRIES = 10
"""How often a launch is handed to another shim, when one dies before it began."""

_encode = msgspec.json.Encoder().encode


class ShimPool:
    """The ``Launcher`` of a machine. ``errors`` is the file to which a shim writes should it ever fail itself."""

    def __init__(self, errors: Path) -> None:
        self._errors = errors
        self._idle: list[Link] = []
        self._busy: dict[Link, str] = {}
        self._prepared = False

    async def run(self, launch: Launch) -> Exit:
        """See ``ports.Launcher``. Raises EnvironmentProblem when no supervisor can be started at all."""
        directory = Path(launch.directory).absolute()
        message = _message(launch, str(directory))
        for _ in range(_TRIES):
            answer = await self._hand_over(str(directory), message)
            if answer and answer.exit:
                return answer.exit
            # Somebody else has it, or the shim died: the directory tells. If it tells nothing, nothing was started.
            if result := await adoption.adopt(directory):
                return result
        raise EnvironmentProblem("a supervisor process cannot do its work", hint=f"see {self._errors}")

    async def adopt(self, directory: Path) -> Exit | None:
        """See ``ports.Launcher``."""
        return await adoption.adopt(directory.absolute())

    def cancel(self, directory: Path) -> None:
        """See ``ports.Launcher``."""
        path = directory.absolute()
        ours = [link for link, busy_with in self._busy.items() if busy_with == str(path)]
        for link in ours:
            link.cancel()
        if not ours:
            adoption.cancel(path)

    async def close(self) -> None:
        """See ``ports.Launcher``. Whoever still waits in ``run`` is cancelled."""
        for link in self._busy:
            link.abandon()
        self._busy.clear()
        idle, self._idle = self._idle, []
        for link in idle:
            link.dismiss()
        for link in idle:
            await link.ended()

    async def _hand_over(self, directory: str, message: bytes) -> Answer | None:
        """Let a shim run it; None when the shim died over it."""
        link = self._free() or self._start()
        self._busy[link] = directory
        return await link.ask(message)

    def _free(self) -> Link | None:
        # The one used last has everything still in the caches. Some may have died while nobody looked.
        while self._idle:
            link = self._idle.pop()
            if link.usable:
                return link
        return None

    def _done(self, link: Link) -> None:
        """Called by a link when its shim is free again or dead, whether or not somebody still waits for the answer."""
        if self._busy.pop(link, None) is not None and link.usable:
            self._idle.append(link)

    def _start(self) -> Link:
        if not self._prepared:
            self._prepared = True
            self._errors.parent.mkdir(parents=True, exist_ok=True)
            # Should a shim die, its orphans fall to us, where they can be found.
            tree.become_subreaper()
        try:
            return Link(self._errors, self._done)
        except OSError as problem:
            message = f"cannot start a supervisor process: {problem.strerror}"
            raise EnvironmentProblem(message, hint="free memory, processes or open files") from problem


def _message(launch: Launch, directory: str) -> bytes:
    launch = msgspec.structs.replace(launch, directory=directory)
    try:
        return _encode(launch) + b"\n"
    except UnicodeEncodeError:
        # A path or a variable that is not UTF-8; json escapes what stands for its bytes.
        return json.dumps(msgspec.to_builtins(launch)).encode() + b"\n"
