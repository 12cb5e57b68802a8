"""A small agent of the Agent Client Protocol, version 1, as a program: python -m tests.kit.acp_agent [--without CAPABILITY ...]

What it does is in the prompt, one line each, quoted or not, in the order in which they stand there:

``write PATH TEXT``  asks whether it may, and writes (``quietly PATH TEXT``: does not ask)
``run COMMAND``      asks whether it may run it, and runs it
``say TEXT``         says it, in two pieces
``wait``             does nothing until it is cancelled
``stop REASON``      ends with that reason
``fail TEXT``        answers the prompt with an error
``crash``            ends at once, without a word
``ask METHOD``       asks its client for something it may not know, and says what came
``calls N``          N calls of a tool

Sessions lie in HOME/acp, so that they can be gone on with: then it says how many prompts there were before.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from queue import Queue
from typing import Any

Json = dict[str, Any]


class Agent:
    def __init__(self, without: list[str], cost: float, *, keyed: bool) -> None:
        self.without, self.cost = without, cost
        self.answers: Queue[Json] = Queue()
        self.cancelled = threading.Event()
        self.session, self.model, self.authenticated = "", "small", not keyed
        self.numbers, self._call = 0, ""

    def send(self, message: Json) -> None:
        sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        sys.stdout.flush()

    def update(self, **told: Any) -> None:
        self.send({"method": "session/update", "params": {"sessionId": self.session, "update": told}})

    def ask(self, method: str, **params: Any) -> Json:
        self.numbers += 1
        self.send({"id": self.numbers, "method": method, "params": {"sessionId": self.session, **params}})
        return self.answers.get()

    def say(self, text: str) -> None:
        half = len(text) // 2
        for piece in (text[:half], text[half:]):
            self.update(sessionUpdate="agent_message_chunk", content={"type": "text", "text": piece})

    # --- what is asked of it

    def initialize(self, params: Json) -> Json:
        offered: Json = {name: {} for name in ("resume", "fork") if name not in self.without}
        able = {"loadSession": "load" not in self.without, "sessionCapabilities": offered}
        assert params["clientCapabilities"] == {"fs": {"readTextFile": False, "writeTextFile": False}, "terminal": False}
        version = 2 if "version1" in self.without else 1
        return {"protocolVersion": version, "agentCapabilities": able, "authMethods": [{"id": "some-api-key", "name": "key"}]}

    def new(self, params: Json) -> Json:
        if not self.authenticated:
            raise PermissionError
        assert params["mcpServers"] == []
        assert Path(params["cwd"]).samefile(Path.cwd())
        self.session = f"sess-{os.getpid()}"
        self._store([])
        models = {"currentModelId": "small", "availableModels": [{"modelId": "small"}, {"modelId": "large"}]}
        return {"sessionId": self.session} | ({"models": models} if "models" not in self.without else {})

    def load(self, params: Json) -> Json:
        self.session = params["sessionId"]
        for prompt in self._stored():
            self.update(sessionUpdate="user_message_chunk", content={"type": "text", "text": prompt})
            self.say("what I said before")
        return {"models": {"currentModelId": "small", "availableModels": []}}

    def resume(self, params: Json) -> Json:
        self.session = params["sessionId"]
        return {}

    def fork(self, params: Json) -> Json:
        self.session = params["sessionId"]
        before = self._stored()
        self.session += "-fork"
        self._store(before)
        return {"sessionId": self.session}

    def set_model(self, params: Json) -> Json:
        self.model = params["modelId"]
        return {}

    def authenticate(self, params: Json) -> Json:
        self.authenticated = params["methodId"] == "some-api-key"
        return {}

    def prompt(self, params: Json) -> Json:
        text = "\n".join(block["text"] for block in params["prompt"])
        before = self._stored()
        self._store([*before, text])
        reason = "end_turn"
        if before:
            self.say(f"{len(before)} before")
        for line in text.splitlines():
            word, _, rest = line.removeprefix("> ").partition(" ")  # a brief quotes what it was given
            reason = self._do(word, rest) or reason
        used = {"inputTokens": 100, "outputTokens": 20, "cachedReadTokens": 30, "totalTokens": 150}
        self.update(
            sessionUpdate="usage_update", used=150, size=1000, cost={"amount": self.cost * (len(before) + 1), "currency": "USD"}
        )
        return {"stopReason": reason, "usage": used}

    def _do(self, word: str, rest: str) -> str:
        match word:
            case "write" | "quietly":
                path, _, text = rest.partition(" ")
                full = str(Path.cwd() / path)
                if self._step("edit", f"Write {path}", [full], {"file_path": full}, ask=word == "write"):
                    Path(full).write_text(text + "\n")
                    self._end_step()
            case "run":
                if self._step("execute", rest, [], {"command": rest}):
                    subprocess.run(rest, shell=True, check=False, stdin=subprocess.DEVNULL)
                    self._end_step()
            case "calls":
                self._call_often(int(rest))
            case "say":
                self.say(rest.format(model=self.model))
            case "ask":
                self.say(json.dumps(self.ask(rest).get("error")))
            case "wait":
                return self._wait()
            case "stop":
                return rest
            case "fail":
                raise RuntimeError(rest)
            case "crash":
                os._exit(3)
        return ""

    def _call_often(self, times: int) -> None:
        for _ in range(times):
            self._step("read", "Read a file", ["README.md"], {}, ask=False)
            self._end_step()

    def _wait(self) -> str:
        self.cancelled.wait()
        Path(os.environ["HOME"], "cancelled").touch()
        return "cancelled"

    def _step(self, kind: str, title: str, paths: list[str], given: Json, ask: bool = True) -> bool:
        self.numbers += 1
        self._call = f"call-{self.numbers}"
        locations = [{"path": path} for path in paths]
        self.update(
            sessionUpdate="tool_call",
            toolCallId=self._call,
            title=title,
            kind=kind,
            status="pending",
            rawInput=given,
            locations=locations,
        )
        if not ask:
            return True
        options = [{"optionId": f"{word}-id", "name": word, "kind": word} for word in ("allow_always", "allow_once", "reject_once")]
        answer = self.ask("session/request_permission", toolCall={"toolCallId": self._call}, options=options)
        allowed = answer["result"]["outcome"].get("optionId") == "allow_once-id"
        if not allowed:
            self._end_step("failed")
        return bool(allowed)

    def _end_step(self, status: str = "completed") -> None:
        self.update(sessionUpdate="tool_call_update", toolCallId=self._call, status=status)

    # --- what it keeps

    def _file(self) -> Path:
        folder = Path(os.environ["HOME"], "acp")
        folder.mkdir(exist_ok=True)
        return folder / f"{self.session}.json"

    def _store(self, prompts: list[str]) -> None:
        self._file().write_text(json.dumps(prompts))

    def _stored(self) -> list[str]:
        return list(json.loads(self._file().read_text()))

    def answer(self, message: Json) -> None:
        name = message["method"].rpartition("/")[2]
        try:
            done = getattr(self, name)(message.get("params") or {})
            self.send({"id": message["id"], "result": done})
        except PermissionError:
            self.send({"id": message["id"], "error": {"code": -32000, "message": "Authentication required"}})
        except (RuntimeError, OSError) as problem:
            self.send(
                {"id": message["id"], "error": {"code": -32603, "message": "Internal error", "data": {"details": str(problem)}}}
            )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--without", action="append", default=[])
    parser.add_argument("--cost", type=float, default=0.5)
    parser.add_argument("--keyed", action="store_true", help="ask for authentication first")
    parser.add_argument("--linger", action="store_true", help="do not end when there is nothing more to read")
    given = parser.parse_args()
    agent = Agent(given.without, given.cost, keyed=given.keyed)
    print("a banner that is no JSON", flush=True)
    for line in sys.stdin:
        message = json.loads(line)
        if message.get("method") == "session/cancel":
            agent.cancelled.set()
        elif "method" in message:
            threading.Thread(target=agent.answer, args=(message,), daemon=True).start()
        else:
            agent.answers.put(message)
    if given.linger:
        threading.Event().wait()


if __name__ == "__main__":
    main()
