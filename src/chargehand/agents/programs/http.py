"""Asking a model over HTTP with Python's own library, answered line by line; also through the way out of a cage."""

from __future__ import annotations

import base64
import http.client
import json
import os
import ssl
import urllib.request
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

_CONNECT_S = 30.0
_LONGEST = 16 * 1024 * 1024


class Refused(Exception):
    """The server said no: ``status`` and its words."""

    def __init__(self, status: int, text: str, retry_after_s: float) -> None:
        super().__init__(text)
        self.status, self.text, self.retry_after_s = status, text, retry_after_s


class _Door(NamedTuple):
    """Where to connect to, and the proxy in between (None: none)."""

    target: SplitResult
    proxy: SplitResult | None

    @property
    def port(self) -> int:
        return self.target.port or (443 if self.target.scheme == "https" else 80)


def ask(url: str, body: Any, key: str, way_out: str) -> Iterator[bytes]:
    """POST ``body`` as JSON; the lines of the answer as they come, without their ends.

    ``way_out`` (host:port) is the proxy by which a caged program gets out: it leads to this machine's own servers, too. Empty: no
    proxy is needed. Raises Refused for an answer that is none, OSError and http.client.HTTPException when there is no answer, or
    only a part of one.
    """
    door = _door(url, way_out)
    connection = _connection(door)
    headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    try:
        connection.connect()
        if connection.sock:
            connection.sock.settimeout(None)  # a model may think for long; whoever started us has a limit
        path = door.target.path + (f"?{door.target.query}" if door.target.query else "")
        connection.request("POST", path, json.dumps(body).encode(), headers)
        answer = connection.getresponse()
        if answer.status != 200:
            raise Refused(answer.status, _words(answer), _seconds(answer.headers.get("retry-after", "")))
        while line := answer.readline(_LONGEST):
            yield line.rstrip(b"\r\n")
    finally:
        connection.close()


def _door(url: str, way_out: str) -> _Door:
    target = urlsplit(url)
    named = os.environ.get("https_proxy") or os.environ.get("HTTPS_PROXY") or ""
    if not way_out or not named:
        return _Door(target, None)
    proxy = urlsplit(named)
    caged = f"{proxy.hostname}:{proxy.port}" == way_out  # where 127.0.0.1 is not the machine's own
    return _Door(target, None if not caged and urllib.request.proxy_bypass(target.hostname or "") else proxy)


def _connection(door: _Door) -> http.client.HTTPConnection:
    place = door.proxy or door.target
    host, port = place.hostname or "", (place.port or 80) if door.proxy else door.port
    if door.target.scheme == "https":
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            host, port, timeout=_CONNECT_S, context=ssl.create_default_context()
        )
    else:
        connection = http.client.HTTPConnection(host, port, timeout=_CONNECT_S)
    if door.proxy:
        who = f"{unquote(door.proxy.username or '')}:{unquote(door.proxy.password or '')}"
        proof = {"Proxy-Authorization": "Basic " + base64.b64encode(who.encode()).decode()} if door.proxy.password else {}
        connection.set_tunnel(door.target.hostname or "", door.port, proof)
    return connection


def _words(answer: http.client.HTTPResponse) -> str:
    """What the server says, where its words are JSON or plain."""
    raw = answer.read(64 * 1024).decode(errors="replace")
    try:
        told = json.loads(raw)
    except ValueError:
        return raw or answer.reason
    error = told.get("error", told) if isinstance(told, dict) else told
    if isinstance(error, dict):
        return " ".join(str(error[name]) for name in ("code", "type", "message") if error.get(name)) or raw
    return str(error)


def _seconds(text: str) -> float:
    try:
        return max(0.0, float(text))
    except ValueError:
        return 0.0
