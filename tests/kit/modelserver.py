"""The scripted provider over HTTP on 127.0.0.1: in a thread (`ModelServer`), or alone: python -m tests.kit.modelserver --port 8099

Speaks Anthropic Messages, OpenAI Responses and Chat Completions, Gemini and Ollama, whole and streamed.
A scenario (see tests/kit/script.py) is named by the path (``/s/NAME/...``) or by ``SCENARIO: NAME`` in what the user says. All it
decides comes from the request, so any number of agents may talk to it at once.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import json
import select
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.kit import answers
from tests.kit.answers import Cost
from tests.kit.asked import Asked, Protocol, protocol_of, read
from tests.kit.script import Move, Refuse, Silence, counted, play

MODEL = "test-model"


@dataclass
class Request:
    """A request and what became of it. ``status`` 0: never answered. ``broken``: the answer was cut off, by us or by the client.
    ``ended``: it is over."""

    method: str
    path: str
    headers: dict[str, str]
    key: str
    size: int
    body: Any = field(repr=False)
    asked: Asked | None = field(default=None, repr=False)
    scenario: str = ""
    status: int = 0
    cost: Cost | None = None
    broken: bool = False
    ended: bool = False

    def line(self) -> str:
        """One line of the log."""
        asked = self.asked
        seen: dict[str, Any] = {"method": self.method, "path": self.path, "headers": self.headers, "size": self.size}
        if asked:
            seen |= {"prompt": len(asked.prompt), "step": asked.step, "earlier": asked.earlier, "tools": sorted(asked.tools)}
        cost = asdict(self.cost) if self.cost else None
        return json.dumps({**seen, "scenario": self.scenario, "status": self.status, "cost": cost, "broken": self.broken})


def total(requests: Iterable[Request]) -> Cost:
    """What the answers cost together; those that broke off do not count."""
    costs = [request.cost for request in requests if request.cost and not request.broken]
    names = ("fresh", "cached", "cache_write", "output", "thought")
    return Cost(*(sum(getattr(cost, name) for cost in costs) for name in names))


class ModelServer:
    """A provider that takes ``key`` and no other (empty: any). ``scenario`` is played where a request names none.

    ``requests`` holds every request, in the order of their coming. ``log`` is appended to as they end. ``listen`` makes the socket,
    for one in another network namespace. ``scenario`` and ``key`` may be changed at any time: the next request sees it.
    """

    def __init__(
        self,
        *,
        key: str = "",
        scenario: str = "ok",
        port: int = 0,
        log: Path | None = None,
        listen: Callable[[int], socket.socket] = lambda port: socket.create_server(("127.0.0.1", port)),
    ) -> None:
        self.key, self.scenario = key, scenario
        self.requests: list[Request] = []
        self.stopping = threading.Event()
        self._lock = threading.Lock()
        self._played: Counter[str] = Counter()
        self._log = log
        self._http = _Http(self, listen(port))
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> ModelServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def answered(self) -> list[Request]:
        """The requests that the model answered, whole."""
        return [request for request in list(self.requests) if request.asked and request.status == 200 and not request.broken]

    def spent(self) -> Cost:
        """What all answers cost together."""
        return total(self.answered())

    def came(self, request: Request) -> None:
        with self._lock:
            self.requests.append(request)

    def over(self, request: Request) -> None:
        request.ended = True
        if self._log:
            with self._lock, self._log.open("a") as file:
                file.write(request.line() + "\n")

    def move(self, scenario: str, asked: Asked) -> Move:
        with self._lock:
            count = self._played[scenario]
            move = play(scenario, asked, count)
            if counted(scenario) and (isinstance(move.deed, Refuse) or move.cut):
                self._played[scenario] += 1
        return move

    def serve_forever(self) -> None:
        self._http.serve_forever()


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, model: ModelServer, listening: socket.socket) -> None:
        super().__init__(("127.0.0.1", 0), _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket, self.server_address, self.model = listening, listening.getsockname(), model

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is its own business."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Http

    def log_message(self, *_: object) -> None: ...

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_HEAD(self) -> None:
        self._json(200, {})

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        raw = self._read()
        key = _key({name.lower(): value for name, value in self.headers.items()}, parse_qs(parts.query))
        request = Request(self.command, self.path, dict(self.headers.items()), key, len(raw), _parsed(raw))
        self.server.model.came(request)
        try:
            self._answer(request, parts.path)
        except OSError:
            request.broken = True
            self.close_connection = True
        finally:
            self.server.model.over(request)

    def _answer(self, request: Request, path: str) -> None:
        model = self.server.model
        named, path = _split(path)
        protocol = protocol_of(path) if self.command == "POST" else None
        if model.key and request.key != model.key:
            return self._refuse(request, protocol or "messages", Refuse(401, "invalid api key"))
        if protocol is None:
            return self._aside(request, path)
        asked = request.asked = read(protocol, path, request.body if isinstance(request.body, dict) else {})
        request.scenario = named or asked.scenario or model.scenario
        move = model.move(request.scenario, asked)
        number = len(model.requests)
        match move.deed:
            case Refuse() as refuse:
                self._refuse(request, protocol, refuse)
            case Silence():
                self._be_silent(request)
            case deed if asked.stream:
                request.cost = answers.cost(asked)
                self._stream(request, move, list(answers.events(asked, deed, number)))
            case deed:
                request.cost = answers.cost(asked)
                if move.cut:
                    return self._break_off(request)
                self._json(200, answers.whole(asked, deed, number), request)
        return None

    def _aside(self, request: Request, path: str) -> None:
        """What is asked besides answers of the model."""
        if path.endswith("/count_tokens"):
            self._json(200, {"input_tokens": 1200}, request)
        elif path.endswith(":countTokens"):
            self._json(200, {"totalTokens": 1200}, request)
        elif path.endswith("/models"):
            listed = {"id": MODEL, "object": "model", "type": "model", "display_name": MODEL, "created_at": "2026-01-01T00:00:00Z"}
            self._json(
                200, {"object": "list", "data": [listed], "models": [{"name": f"models/{MODEL}"}], "has_more": False}, request
            )
        elif path.endswith("/api/tags"):
            self._json(200, {"models": [{"name": f"{MODEL}:latest", "model": f"{MODEL}:latest"}]}, request)
        elif path.endswith("/api/version"):
            self._json(200, {"version": "0.9.0"}, request)
        elif path.endswith("/api/show"):
            self._json(200, {"capabilities": ["completion"], "model_info": {}, "details": {}}, request)
        else:
            self._json(404, {"error": {"message": f"nothing is served at {path}", "type": "not_found_error"}}, request)

    def _refuse(self, request: Request, protocol: Protocol, refuse: Refuse) -> None:
        self._json(refuse.status, answers.refusal(protocol, refuse), request, dict(refuse.headers))

    def _be_silent(self, request: Request) -> None:
        """Until the client has gone, or we end."""
        request.broken = True
        while not self.server.model.stopping.is_set():
            if select.select([self.connection], [], [], 0.05)[0] and not self.connection.recv(1, socket.MSG_PEEK):
                break
        self.close_connection = True

    def _break_off(self, request: Request) -> None:
        request.broken = True
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def _stream(self, request: Request, move: Move, parts: list[tuple[str, Any]]) -> None:
        lines = request.asked is not None and request.asked.protocol == "ollama"
        self.send_response(200)
        self.send_header("content-type", "application/x-ndjson" if lines else "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        request.status = 200
        for number, (name, part) in enumerate(parts):
            if move.cut and number == len(parts) // 2:
                return self._break_off(request)
            data = part if isinstance(part, str) else json.dumps(part)
            self._chunk(data + "\n" if lines else (f"event: {name}\n" if name else "") + f"data: {data}\n\n")
            time.sleep(move.pause_s)
        return self._chunk("")

    def _chunk(self, text: str) -> None:
        data = text.encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def _json(self, status: int, body: Any, request: Request | None = None, headers: dict[str, str] | None = None) -> None:
        if request:
            request.status = status
        data = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"content-type": "application/json", "content-length": str(len(data)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _read(self) -> bytes:
        if "chunked" in (self.headers.get("transfer-encoding") or ""):
            raw = b"".join(_chunks(self.rfile.readline, self.rfile.read))
        else:
            raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        return gzip.decompress(raw) if self.headers.get("content-encoding") == "gzip" else raw


def _chunks(readline: Callable[[], bytes], take: Callable[[int], bytes]) -> Iterator[bytes]:
    while size := int(readline().split(b";")[0], 16):
        yield take(size)
        readline()
    readline()


def _parsed(raw: bytes) -> Any:
    try:
        return json.loads(raw) if raw else {}
    except ValueError:
        return raw[:200].decode("latin-1")


def _split(path: str) -> tuple[str, str]:
    """The scenario that a path names (empty: none), and the rest of the path."""
    if not path.startswith("/s/"):
        return "", path
    name, _, rest = path.removeprefix("/s/").partition("/")
    return unquote(name), f"/{rest}"


def _key(headers: dict[str, str], query: dict[str, list[str]]) -> str:
    """The key a request shows, wherever its protocol has it."""
    bearer = headers.get("authorization", "").removeprefix("Bearer ")
    return headers.get("x-api-key") or headers.get("x-goog-api-key") or bearer or "".join(query.get("key", [])[:1])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.kit.modelserver", description="A scripted model provider.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--key", default="", help="the only key that is taken (default: any)")
    parser.add_argument("--scenario", default="ok", help="played where a request names none")
    parser.add_argument("--log", type=Path, help="a file that gets one line of JSON for each request")
    given = parser.parse_args()
    server = ModelServer(key=given.key, scenario=given.scenario, port=given.port, log=given.log)
    print(server.url, flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        server.serve_forever()


if __name__ == "__main__":
    main()
