"""Aider, run for one message. It prints text for people, and its exit code is 0 whatever happened."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from chargehand.agents import errors
from chargehand.agents.providers import SHUT, AnyProvider, refused, with_schema
from chargehand.agents.stream import Reader
from chargehand.model.signals import Signal
from chargehand.model.work import Tokens
from chargehand.ports import Api, Call, Gateway, Prepared

_OBEYED = (".aider.conf.yml", ".aider.model.settings.yml", ".aider.model.metadata.json")

_QUIET = [
    "--analytics-disable",
    "--no-auto-commits",
    "--no-auto-lint",
    "--no-auto-test",
    "--no-check-update",
    "--no-detect-urls",
    "--no-dirty-commits",
    "--no-fancy-input",
    "--no-gitignore",
    "--no-pretty",
    "--no-show-model-warnings",
    "--no-show-release-notes",
    "--no-stream",
    "--no-suggest-shell-commands",
]

# --- what it prints -------------------------------------------------------------------------------------------------------------

_SPENT = re.compile(
    r"Tokens: (?P<sent>\S+) sent(?:, (?P<written>\S+) cache write)?(?:, (?P<hit>\S+) cache hit)?, (?P<got>\S+) received\."
)
_PAID = re.compile(r"Cost: \$(\d+(?:\.\d+)?) message")
_EDITED = re.compile(r"Applied edit to (.+)")
_FAILED = re.compile(r"litellm\.(\w*(?:Error|Exception))\b:? ?(.*)")
_TOO_LONG = re.compile(r"Model \S+ has hit a token limit!")
_AGAIN = re.compile(r"Retrying in (\d+(?:\.\d+)?) seconds")
_ABOUT = re.compile(
    r"(?:Aider v|Model: |Main model: |Weak model: |Editor model: |Git repo: |Repo-map: |Added .* to the chat|Analytics |Update git "
    r"|Warning:|https://aider|HTTPSConnection|Retrying in|Use /help)"
)
"""What it says of itself."""
_UNITS = {"k": 1_000, "M": 1_000_000}
_LINE = 64 * 1024


class _Text(Reader):
    """Understands its words. It has no last one: what a message used is told when the answer has come."""

    def __init__(self) -> None:
        super().__init__({})

    def signals(self, line: bytes) -> Iterator[Signal]:
        text = line[:_LINE].decode(errors="replace").strip()
        if spent := _SPENT.match(text):
            paid = _PAID.search(text)
            yield Signal(kind="usage", tokens=_tokens(spent), cost_usd=float(paid[1]) if paid else None)
            yield Signal(kind="final")
        elif edited := _EDITED.match(text):
            yield Signal(kind="file", name=edited[1])
        elif failed := _FAILED.search(text):
            # ``InternalServerError`` in the words a class is known by.
            words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", failed[1])
            lost = "Connection error" in failed[2]  # which it takes for an error of the server
            yield Signal(kind="error", text=text, error=errors.error(failed[2] if lost else text, code="" if lost else words))
        elif _TOO_LONG.match(text):
            yield Signal(kind="error", text=text, error=errors.error(text, code="context_length"))
        elif again := _AGAIN.match(text):
            yield Signal(kind="wait", text=f"again in {again[1]} s")
        elif _ABOUT.match(text):
            yield Signal(kind="thinking", text=text)
        else:
            yield Signal(kind="text", text=line[:_LINE].decode(errors="replace").rstrip())


def _whole(signals: Iterable[Signal]) -> Iterator[Signal]:
    """Its story with the lines of an answer put together, and its outcome last: some lines come after what an answer has used."""
    said: list[str] = []
    last: Signal | None = None
    for signal in signals:
        if signal.kind == "text":
            said.append(signal.text)
        elif signal.kind == "thinking":
            said = []
        else:
            if signal.kind in {"final", "error"}:
                last = signal
            if signal.kind == "usage" and (answer := "\n".join(said).strip()):
                yield Signal(kind="text", text=answer)
            if signal.kind == "usage":
                said = []
            if signal.kind != "final":
                yield signal
    if last and last.kind == "final":
        yield last


def _tokens(spent: re.Match[str]) -> Tokens:
    hit, written = _count(spent["hit"]), _count(spent["written"])
    return Tokens(max(0, _count(spent["sent"]) - hit - written), hit, written, _count(spent["got"]))


def _count(text: str | None) -> int:
    """A number as it rounds them: ``42``, ``2.0k``, ``1.1M``."""
    if not text:
        return 0
    try:
        return round(float(text.rstrip("kM").replace(",", "")) * _UNITS.get(text[-1], 1))
    except ValueError:
        return 0


# --- how it is started ----------------------------------------------------------------------------------------------------------


class AiderAgent(AnyProvider):
    """An `Agent` that is Aider. It edits the files that the prompt names, and runs nothing. It has no sessions."""

    endless = True
    program = "aider"
    install = "pip install aider-chat"
    speaks: ClassVar[tuple[Api, ...]] = ("openai", "anthropic")
    key: ClassVar[str] = "OPENAI_API_KEY"
    reader = _Text()
    resumes = False

    def prepare(self, call: Call, ambient: Mapping[str, str]) -> Prepared:
        """How a call is started."""
        if not call.trusted and (found := _obeyed(Path(call.workspace))):
            return refused(self.program, found)
        access = self.access(call, ambient)
        model = f"{self.api}/{self.bare}" if access.key else self.model
        words = [self.executable(ambient), "--message-file", "/dev/stdin", "--yes-always", *_QUIET]
        words += ["--model", model, "--weak-model", model] if model else []
        # A map of the repository would be kept in the workspace, as its histories are.
        words += ["--map-tokens", "0", "--chat-history-file", f"{call.home}/chat.md", "--input-history-file", f"{call.home}/input"]
        words += ["--env-file", f"{call.home}/aider.env"]
        words += ["--chat-mode", "ask"] if call.read_only else []
        # Written anew each time, so that it is never old enough to be fetched.
        files = {".aider/caches/model_prices_and_context_window.json": '{"none": {}}', "aider.env": self._settings(access)}
        if instructions := with_schema(self.instructions(call), call.schema):
            files["instructions.md"] = instructions
            words += ["--read", f"{call.home}/instructions.md"]
        # It breaks its lines where the terminal would end.
        env = {"COLUMNS": "1000", "LITELLM_LOCAL_MODEL_COST_MAP": "True", "PYTHONDONTWRITEBYTECODE": "1"}
        return Prepared(argv=(*words, *self.config.args), env=env | self.passed(ambient), files=files)

    def told(self, stdout: Path) -> Iterator[Signal]:
        """All that a transcript tells a report."""
        return _whole(self.reader.read(stdout))

    def _settings(self, access: Gateway) -> str:
        """The last of the files with variables that it reads, and so the one that counts: the workspace may have one of its own."""
        set_ = dict(SHUT)
        if access.key:
            name = self.api.upper()
            address = access.url if self.api == "anthropic" else self.address(access.url)
            set_ |= {f"{name}_API_KEY": access.key, f"{name}_API_BASE": address, f"{name}_BASE_URL": address}
        return "".join(f"{name}='{value}'\n" for name, value in set_.items())


def _obeyed(workspace: Path) -> list[str]:
    """Settings of a workspace that it would take for its user's."""
    found = [name for name in _OBEYED if (workspace / name).exists()]
    try:
        named = b"AIDER_" in (workspace / ".env").read_bytes()
    except OSError:
        named = False
    return [*found, *([".env"] if named else [])]
