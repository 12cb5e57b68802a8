"""A client of the Agent Client Protocol (version 1) for one prompt: starts an agent, asks it, answers its requests, ends it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from chargehand.agents.programs.lines import alive, begin, fail, tell

_LONGEST_LINE = 256 * 1024 * 1024
_CANCEL_S = 1.5
_END_S = 1.5
_AUTH_REQUIRED = -32000
_CHANGES = frozenset({"edit", "delete", "move"})
_LOOKS = frozenset({"read", "search", "think", "fetch"})
_USED = {"input": "inputTokens", "cached": "cachedReadTokens", "cache_write": "cachedWriteTokens"}

Json = dict[str, Any]


class Trouble(Exception):
    """Why it cannot go on. ``otherwise``: the class of the error, where the text does not tell."""

    def __init__(self, text: str, otherwise: str = "", code: int = 0) -> None:
        super().__init__(text)
        self.otherwise, self.code = otherwise, code


class Peer:
    """The agent: JSON-RPC, one message a line. ``notified`` and ``asked`` are told what it says by itself."""

    def __init__(
        self, process: asyncio.subprocess.Process, notified: Callable[[Json], None], asked: Callable[[str, Json], Json | None]
    ):
        assert process.stdin
        assert process.stdout
        self.process, self._in, self._out = process, process.stdin, process.stdout
        self._notified, self._asked = notified, asked
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._last = 0
        self.session = ""
        self._listening = asyncio.ensure_future(self._listen())

    async def ask(self, method: str, **params: Any) -> Any:
        """Its answer. Raises Trouble when it refuses or is gone."""
        self._last += 1
        number = self._last
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        if self._listening.done():
            raise Trouble("the agent ended before it was asked")
        await self.send({"id": number, "method": method, "params": params})
        try:
            return await answer
        finally:
            self._waiting.pop(number, None)

    async def send(self, message: Json) -> None:
        with suppress(ConnectionError):
            self._in.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
            await self._in.drain()

    async def _listen(self) -> None:
        try:
            while line := await self._out.readline():
                with suppress(ValueError):  # some print other things, too
                    message = json.loads(line)
                    if isinstance(message, dict):
                        await self._hear(message)
            why = "the agent closed its output before it had answered"
        except ValueError:
            why = "the agent wrote a line that is too long"
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(Trouble(why))

    async def _hear(self, message: Json) -> None:
        method, number = message.get("method"), message.get("id")
        params = message.get("params") or {}
        if method and number is not None:
            answer = self._asked(method, params)
            unknown = {"code": -32601, "message": f"Method not found: {method}"}
            await self.send({"id": number, **({"error": unknown} if answer is None else {"result": answer})})
        elif method:
            self._notified(params.get("update") or {})
        elif isinstance(number, int) and (waiting := self._waiting.get(number)) and not waiting.done():
            if error := message.get("error"):
                waiting.set_exception(_refusal(error))
            else:
                waiting.set_result(message.get("result") or {})

    async def end(self) -> None:
        """Let it go with all it started: most end when there is nothing more to read, some must be told."""
        self._in.close()
        for number in (signal.SIGTERM, signal.SIGKILL):
            await self._gone(_END_S)
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)
        await self._gone(_END_S)

    async def _gone(self, seconds: float) -> None:
        # Not ``wait``, which also waits for those who inherited its output.
        ends = asyncio.get_running_loop().time() + seconds
        while self.process.returncode is None and asyncio.get_running_loop().time() < ends:
            await asyncio.sleep(0.02)


def _refusal(error: Json) -> Trouble:
    data = error.get("data")
    detail = data.get("details") or data.get("message") or json.dumps(data) if isinstance(data, dict) else data
    text = f"{error.get('message', 'error')}: {detail}" if detail else str(error.get("message", "error"))
    return Trouble(text, code=int(error.get("code", 0)))


class Conversation:
    """One prompt, and what came of it. ``roots``: the folders in which it may change files."""

    def __init__(self, settings: Json) -> None:
        self.settings = settings
        self.roots = [os.path.realpath(settings["workspace"]), os.path.realpath(settings["home"])]
        self.calls: dict[str, Json] = {}
        self.told: set[str] = set()
        self.said: list[str] = []
        self.thought: list[str] = []
        self.cost: float | None = None
        self.replaying = False
        self.too_many = asyncio.Event()

    def notified(self, update: Json) -> None:
        alive()
        if self.replaying:
            return
        match update.get("sessionUpdate"):
            case "agent_message_chunk":
                self._flush(self.thought, "thinking")
                self.said.append(_text(update))
            case "agent_thought_chunk":
                self._flush(self.said, "text")
                self.thought.append(_text(update))
            case "tool_call" | "tool_call_update":
                self._tool(update)
            case "usage_update" if (update.get("cost") or {}).get("currency") == "USD":
                self.cost = update["cost"].get("amount")

    def flush(self) -> str:
        """Tell the words that were not told yet; the last ones of the agent."""
        self._flush(self.thought, "thinking")
        return self._flush(self.said, "text")

    def _flush(self, pieces: list[str], kind: str) -> str:
        text = "".join(pieces).strip()
        pieces.clear()
        if text:
            tell(kind, text=text)
        return text

    def _tool(self, update: Json) -> None:
        number = str(update.get("toolCallId", ""))
        call = self.calls.setdefault(number, {})
        call |= {name: value for name, value in update.items() if value is not None}
        status = call.get("status")
        if number not in self.told:
            self.told.add(number)
            self.flush()
            tell("tool", name=call.get("kind", "other"), text=str(call.get("title", ""))[:400])
            if len(self.told) > self.settings["max_turns"]:
                self.too_many.set()
        if status in ("completed", "failed") and update.get("status"):
            if call.get("kind") in _CHANGES and status == "completed":
                for path in _paths(call):
                    tell("file", name=path)
            tell("tool_result", name=call.get("kind", "other"), failed=status == "failed")

    def asked(self, method: str, params: Json) -> Json | None:
        """The answer to what the agent asks; None for what we do not know."""
        if method != "session/request_permission":
            return None
        asked = params.get("toolCall") or {}
        call = {**self.calls.get(str(asked.get("toolCallId", "")), {}), **{k: v for k, v in asked.items() if v is not None}}
        why = self._forbidden(call)
        wanted = ("reject_once", "reject_always") if why else ("allow_once", "allow_always")
        options = {option.get("kind"): option.get("optionId") for option in params.get("options") or []}
        chosen = next((options[kind] for kind in wanted if kind in options), None)
        title = str(call.get("title") or call.get("kind") or "something")
        if why:
            tell("tool_result", name=title, text=f"not allowed: {why}", failed=True)
        elif chosen is None:
            tell("denied", name=title)
        return {"outcome": {"outcome": "selected", "optionId": chosen} if chosen is not None else {"outcome": "cancelled"}}

    def _forbidden(self, call: Json) -> str:
        """Why this may not be done (empty: it may)."""
        kind = call.get("kind") or "other"
        if self.settings["read_only"]:
            return "" if kind in _LOOKS else "it was asked to change nothing"
        outside = [path for path in _paths(call) if not self._inside(path)]
        return f"{outside[0]} is outside of the workspace" if outside and kind != "execute" else ""

    def _inside(self, path: str) -> bool:
        real = Path(os.path.realpath(Path(self.settings["workspace"], path)))
        return any(real.is_relative_to(root) for root in self.roots)


def _text(update: Json) -> str:
    content = update.get("content") or {}
    return str(content.get("text", "")) if isinstance(content, dict) else ""


def _paths(call: Json) -> list[str]:
    """Every file a call of a tool is about, wherever it is named."""
    named = [each.get("path") for each in [*(call.get("locations") or []), *(call.get("content") or [])] if isinstance(each, dict)]
    given = call.get("rawInput")
    if isinstance(given, dict):
        named += [given.get(name) for name in ("path", "file_path", "filePath", "filepath", "absolute_path")]
    return list(dict.fromkeys(name for name in named if isinstance(name, str) and name))


async def _session(peer: Peer, talk: Conversation, able: Json, methods: list[Json]) -> str:
    """The id of a session that is ready for a prompt."""
    settings = talk.settings
    place: Json = {"cwd": settings["workspace"], "mcpServers": []}
    resume = settings["resume"]
    offered = able.get("sessionCapabilities") or {}
    if not resume:
        begun = await _authenticated(peer, methods, lambda: peer.ask("session/new", **place))
    else:
        how: list[tuple[str, bool]] = [
            ("fork", "fork" in offered and settings["fork"]),
            ("resume", "resume" in offered),
            ("load", bool(able.get("loadSession"))),
        ]
        method = next((name for name, can in how if can), "")
        if not method:
            raise Trouble("this agent cannot go on with a session")
        talk.replaying = True
        begun = await _authenticated(peer, methods, lambda: peer.ask(f"session/{method}", sessionId=resume, **place))
        talk.replaying = False
    session = str(begun.get("sessionId") or resume)
    tell("session", name=session)
    if settings["model"]:
        await _choose(peer, session, begun, settings["model"])
    return session


async def _authenticated(peer: Peer, methods: list[Json], begin_: Callable[[], Awaitable[Json]]) -> Json:
    """Some want to be told that the key in their environment is to be used."""
    try:
        return await begin_()
    except Trouble as trouble:
        keyed = next((method["id"] for method in methods if "key" in str(method.get("id", "")).lower()), "")
        if trouble.code != _AUTH_REQUIRED or not keyed:
            raise
    await peer.ask("authenticate", methodId=keyed)
    return await begin_()


async def _choose(peer: Peer, session: str, begun: Json, model: str) -> None:
    for option in begun.get("configOptions") or []:
        if option.get("category") == "model" or option.get("id") == "model":
            await peer.ask("session/set_config_option", sessionId=session, configId=option["id"], value=model)
            return
    if not begun.get("models"):
        raise Trouble(f"this agent lets nobody choose a model ({model}): name it in its command", "model_not_found")
    await peer.ask("session/set_model", sessionId=session, modelId=model)


async def _talk(settings: Json, prompt: str) -> int:
    talk, stop = Conversation(settings), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        process = await asyncio.create_subprocess_exec(
            *settings["command"],
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=_LONGEST_LINE,
            process_group=0,
        )
    except OSError as problem:
        return fail(f"{settings['command'][0]}: {problem.strerror}")
    peer = Peer(process, talk.notified, talk.asked)
    working = asyncio.ensure_future(_prompted(peer, talk, prompt))
    ends = [asyncio.ensure_future(event.wait()) for event in (stop, talk.too_many)]
    try:
        await asyncio.wait([working, *ends], return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            await _cancel(peer, working)
        if talk.too_many.is_set():
            talk.flush()
            return fail(f"it has had its {settings['max_turns']} calls of tools", otherwise="turn_limit")
        if stop.is_set():
            talk.flush()
            fail("it was cancelled", otherwise="crash")
            return 128 + signal.SIGTERM
        return working.result()
    except Trouble as trouble:
        talk.flush()
        return fail(str(trouble), otherwise=trouble.otherwise or ("auth" if trouble.code == _AUTH_REQUIRED else ""))
    finally:
        await peer.end()


async def _cancel(peer: Peer, working: asyncio.Future[int]) -> None:
    """The agent stops what it does, and says so, if it can."""
    if peer.session:
        await peer.send({"method": "session/cancel", "params": {"sessionId": peer.session}})
        await asyncio.wait([working], timeout=_CANCEL_S)
    working.cancel()
    with suppress(asyncio.CancelledError, Trouble):
        await working


async def _prompted(peer: Peer, talk: Conversation, prompt: str) -> int:
    can: Json = {"fs": {"readTextFile": False, "writeTextFile": False}, "terminal": False}
    us = {"name": "chargehand", "title": "chargehand", "version": talk.settings["version"]}
    hello = await peer.ask("initialize", protocolVersion=1, clientCapabilities=can, clientInfo=us)
    if hello.get("protocolVersion") != 1:
        raise Trouble(f"this agent speaks version {hello.get('protocolVersion')} of the protocol, not 1")
    peer.session = await _session(peer, talk, hello.get("agentCapabilities") or {}, hello.get("authMethods") or [])
    text = f"{talk.settings['instructions']}\n\n{prompt}" if talk.settings["instructions"] else prompt
    done = await peer.ask("session/prompt", sessionId=peer.session, prompt=[{"type": "text", "text": text}])
    answer = talk.flush()
    return _ended(done, answer, talk.cost)


def _ended(done: Json, answer: str, cost: float | None) -> int:
    tokens = _tokens(done)
    match done.get("stopReason"):
        case "end_turn":
            tell("final", text=answer, tokens=tokens, cost_usd=cost)
            return 0
        case "max_tokens":
            why, kind = "its answer was cut at the limit of tokens", "context_overflow"
        case "max_turn_requests":
            why, kind = "it has had all its turns", "turn_limit"
        case "refusal":
            why, kind = "the model refuses to go on", "blocked"
        case other:
            why, kind = f"it stopped: {other}", "crash"
    tell("final", failed=True, text=why, otherwise=kind, tokens=tokens, cost_usd=cost)
    return 1


def _tokens(done: Json) -> dict[str, int] | None:
    """What the prompt used, where the agent tells."""
    if used := done.get("usage"):
        tokens = {name: int(used.get(theirs) or 0) for name, theirs in _USED.items()}
        return {**tokens, "output": int(used.get("outputTokens") or 0) + int(used.get("thoughtTokens") or 0)}
    counted = (((done.get("_meta") or {}).get("quota")) or {}).get("token_count") or {}
    return {"input": counted.get("input_tokens", 0), "output": counted.get("output_tokens", 0)} if counted else None


def main() -> int:
    settings, _, prompt = begin()
    return asyncio.run(_talk(settings, prompt))
