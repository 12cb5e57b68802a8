"""Which requests are let through, where they go, how they prove who they are, and how each provider says no."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import msgspec

from chargehand.ports import Api

Kind = Literal["messages", "responses", "chat", "gemini", "free"]
"""What is asked for, and in whose words. ``free``: what costs nothing, such as the list of models."""

DEFAULT_URL: dict[str, str] = {
    "anthropic": "https://api.anthropic.com",
    "openai": "https://api.openai.com",
    "gemini": "https://generativelanguage.googleapis.com",
}
KEY_VARIABLES: dict[str, tuple[str, ...]] = {
    "anthropic": ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"),
    "openai": ("OPENAI_API_KEY",),
    "gemini": ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
}
URL_VARIABLES: dict[str, str] = {
    "anthropic": "ANTHROPIC_BASE_URL",
    "openai": "OPENAI_BASE_URL",
    "gemini": "GOOGLE_GEMINI_BASE_URL",
}

_VERSION = re.compile(r"/(v\d+\w*)(?=/)")
_POSTED: dict[str, dict[str, Kind]] = {
    "anthropic": {"/messages": "messages", "/messages/count_tokens": "free"},
    "openai": {
        "/responses": "responses",
        "/responses/compact": "responses",
        "/responses/input_tokens": "free",
        "/chat/completions": "chat",
    },
}
_GEMINI = re.compile(r"/models/([^/:]+):(generateContent|streamGenerateContent|countTokens)")
_MODELS = re.compile(r"/models(?:/[^/:]+)?")


class Route(NamedTuple):
    """``path`` is without the version, ``model`` what it names (Gemini)."""

    kind: Kind
    version: str
    path: str
    model: str = ""


def route(api: Api, method: str, path: str) -> Route | None:
    """What a request is. None: it is none that a model is asked with, so it is not let through."""
    found = _VERSION.match(path)
    version = found[1] if found else ""
    rest = path[found.end() :] if found else path
    if method == "GET":
        return Route("free", version, rest) if _MODELS.fullmatch(rest) else None
    if method != "POST":
        return None
    if api == "gemini":
        named = _GEMINI.fullmatch(rest)
        return Route("free" if named[2] == "countTokens" else "gemini", version, rest, named[1]) if named else None
    kind = _POSTED.get(api, {}).get(rest)
    return Route(kind, version, rest) if kind else None


def address(api: Api, upstream: str, asked: Route, query: str) -> str:
    """The provider's address for a request.

    ``upstream`` may end with the version, as some providers' addresses do, or not. OpenAI's protocol is spoken under many paths;
    an address that has one is taken as it is.
    """
    base = upstream.rstrip("/")
    if api == "openai":
        base = base if urlsplit(base).path else f"{base}/v1"
    else:
        version = asked.version or ("v1beta" if api == "gemini" else "v1")
        base = base if base.endswith(f"/{version}") else f"{base}/{version}"
    kept = "&".join(part for part in query.split("&") if part and not part.startswith("key="))
    return f"{base}{asked.path}" + (f"?{kept}" if kept else "")


def presented_key(headers: Mapping[str, str], query: str) -> str:
    """The key a request comes with, wherever its protocol puts it; empty when it has none."""
    for name in ("x-api-key", "x-goog-api-key"):
        if name in headers:
            return headers[name]
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    return dict(parse_qsl(query)).get("key", "")


_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection"}
    | {"te", "trailer", "transfer-encoding", "upgrade"}
)
_NOT_SENT_ON = _HOP_BY_HOP | {
    "host",
    "content-length",
    "accept-encoding",
    "expect",
    "authorization",
    "x-api-key",
    "x-goog-api-key",
    "cookie",
}


def upstream_headers(api: Api, headers: Iterable[tuple[str, str]], secret: str, *, bearer: bool) -> list[tuple[str, str]]:
    """The request's headers, the real key in place of the worthless one (empty: none is wanted). Nothing compressed is asked for:
    it is to be counted."""
    kept = [(name, value) for name, value in headers if name.lower() not in _NOT_SENT_ON]
    if not secret:
        return [*kept, ("Accept-Encoding", "identity")]
    if api == "openai" or bearer:
        proof = ("Authorization", f"Bearer {secret}")
    else:
        proof = ("x-goog-api-key" if api == "gemini" else "x-api-key", secret)
    return [*kept, proof, ("Accept-Encoding", "identity")]


def returned_headers(headers: Iterable[tuple[str, str]], *, decoded: bool) -> list[tuple[str, str]]:
    """The answer's headers. ``decoded``: it came compressed and is passed on as plain."""
    dropped = _HOP_BY_HOP | {"content-length"} | ({"content-encoding"} if decoded else set())
    return [(str(name), value) for name, value in headers if name.lower() not in dropped]


_ANTHROPIC_TYPES = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 413: "request_too_large"}
_GEMINI_STATES = {401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 413: "INVALID_ARGUMENT"}
_OPENAI_CODES = {401: "invalid_api_key", 403: "budget_exhausted"}


def error_body(api: Api, status: int, message: str) -> bytes:
    """A refusal of our own, in the words of the protocol."""
    told: dict[str, object]
    if api == "anthropic":
        told = {"type": "error", "error": {"type": _ANTHROPIC_TYPES.get(status, "api_error"), "message": message}}
    elif api == "gemini":
        told = {"error": {"code": status, "message": message, "status": _GEMINI_STATES.get(status, "INTERNAL")}}
    else:
        kind = "invalid_request_error" if status < 500 else "server_error"
        told = {"error": {"message": message, "type": kind, "param": None, "code": _OPENAI_CODES.get(status)}}
    return msgspec.json.encode(told)


def guessed_api(headers: Mapping[str, str], path: str) -> Api:
    """Whose words a stranger probably understands."""
    if "x-goog-api-key" in headers or "/models/" in path:
        return "gemini"
    return "anthropic" if "x-api-key" in headers or "/messages" in path else "openai"
