"""A request of an agent from its arrival to the last byte of its answer."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import time
import zlib
from collections.abc import Mapping
from typing import NamedTuple

import msgspec
from aiohttp import web
from multidict import CIMultiDict

from chargehand.agents.meter import bill, routes
from chargehand.agents.meter.calls import Call, Calls, Flight, Spent
from chargehand.agents.meter.cassette import Recorder
from chargehand.agents.meter.routes import Route
from chargehand.agents.meter.upstream import Answer, Cut, NoAnswer, Provider
from chargehand.agents.meter.usage import Reader, estimated_input
from chargehand.agents.prices import FREE, Price, price_of
from chargehand.model.config import PriceConfig
from chargehand.model.work import AgentError, Tokens
from chargehand.ports import Api

LONGEST_BODY = 256 * 1024 * 1024
_MOST_OUTPUT = 32_000
"""Tokens an answer may have when the request does not say."""
_ADDED = 1000
"""Tokens a provider may add to a prompt, to explain its tools."""
_OVERFLOWS = 3
"""So often a call's context may be too long. Some programs shorten it, go on, and meet the same again, for ever."""
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS


class _Output(msgspec.Struct):
    most: int | None = msgspec.field(default=None, name="maxOutputTokens")


class _Said(msgspec.Struct):
    """What the meter wants to know of a request's body."""

    model: str = ""
    stream: bool | None = None
    max_tokens: int | None = None
    max_output_tokens: int | None = None
    max_completion_tokens: int | None = None
    generation_config: _Output | None = msgspec.field(default=None, name="generationConfig")

    def most(self) -> int:
        of_gemini = self.generation_config.most if self.generation_config else None
        told = self.max_tokens or self.max_output_tokens or self.max_completion_tokens or of_gemini
        return max(0, told) if told is not None else _MOST_OUTPUT


class Asked(NamedTuple):
    """A request that costs something: its route, its body as it is sent on, and what it says."""

    route: Route
    body: bytes
    said: _Said

    @property
    def model(self) -> str:
        return self.route.model or self.said.model

    @property
    def mark(self) -> bytes:
        """By which the same request is known again."""
        return hashlib.blake2b(self.body, digest_size=16, person=self.model.encode()[:16]).digest()


_decode = msgspec.json.Decoder(_Said).decode


class Gateway:
    """``prices`` are the user's own; ``recorder`` keeps what passes by, when there is one."""

    def __init__(self, calls: Calls, provider: Provider) -> None:
        self.calls, self.provider = calls, provider
        self.prices: Mapping[str, PriceConfig] = {}
        self.recorder: Recorder | None = None

    async def serve(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request. Nobody without a key gets anything but a refusal."""
        path, _, query = request.raw_path.partition("?")
        call = self.calls.by_key.get(routes.presented_key(request.headers, query))
        if call is None:
            if request.method == "HEAD":
                return web.Response()  # a look whether anybody is here
            return _refusal(routes.guessed_api(request.headers, path), 401, "chargehand: this key is not (or no longer) valid here")
        asked = routes.route(call.told.api, request.method, path)
        if asked is None:
            return _refusal(
                call.told.api, 404, f"chargehand: {request.method} {path} is no request to a model, so it is not let out"
            )
        task = asyncio.current_task()
        assert task
        call.tasks.add(task)
        try:
            body = await _body(request)
            if body is None:
                return _refusal(call.told.api, 413, f"chargehand: a request may have at most {LONGEST_BODY // 1024 // 1024} MB")
            if asked.kind == "free":
                return await self._exchange(request, call, Asked(asked, body, _Said()), query)
            return await self._charged(request, call, _understood(asked, body, request.headers), query)
        finally:
            call.tasks.discard(task)

    async def _charged(self, request: web.BaseRequest, call: Call, asked: Asked, query: str) -> web.StreamResponse:
        price = price_of(asked.model, self.prices) or (FREE if call.told.free else None)
        expected = Tokens(input=estimated_input(len(asked.body)))
        most = _most(asked, price)
        refused = _given_up(call, asked)
        while refused is None and (word := self.calls.may(call, most)) != "go":
            if word == "wait":
                await call.landing()
            else:
                refused = AgentError(kind="budget", message=word)
        if refused:
            self._note(call, bill.Refused(at=time.time(), error=refused))
            # Some programs look for words, and try again if they find "rate limit" or a number like 500. The bill tells the cause.
            said = refused.message if refused.kind == "budget" else "this attempt ends here"
            return _refusal(call.told.api, 403, f"chargehand: {said}")
        try:
            flight = Flight(call, asked.model, price, expected, most)
        except OSError as error:
            return _refusal(call.told.api, 503, f"chargehand: the bill cannot be written: {error.strerror or error}")
        call.bill.flush_soon()  # a provider takes longer than a disk
        try:
            return await self._exchange(request, call, asked, query, flight)
        finally:
            # Only when nothing else has charged it: the agent hung up, or the call ended, before there was an answer.
            flight.land(expected, estimated=True)

    async def _exchange(
        self,
        request: web.BaseRequest,
        call: Call,
        asked: Asked,
        query: str,
        flight: Flight | None = None,
    ) -> web.StreamResponse:
        headers = list(request.headers.items())
        try:
            answer, waited = await self.provider.ask(call.told, request.method, asked.route, query, headers, asked.body)
        except NoAnswer as problem:
            if flight and not problem.sent:
                flight.land(Tokens())
            if flight:
                call.troubles[asked.mark] = AgentError(kind="network", message=str(problem))
            return _refusal(call.told.api, 502, f"chargehand: {problem}")
        if flight:
            flight.status, flight.waited_s = answer.status, waited
            if answer.status >= 400:
                trouble = call.troubles[asked.mark] = self.provider.trouble(call.told, answer)
                call.overflows += trouble.kind == "context_overflow"
        try:
            return await self._pass(request, call, asked, answer, flight)
        finally:
            answer.close()

    async def _pass(
        self, request: web.BaseRequest, call: Call, asked: Asked, answer: Answer, flight: Flight | None
    ) -> web.StreamResponse:
        """Hand the answer on as it comes. It is charged before the agent has its last byte."""
        out = web.StreamResponse(status=answer.status, headers=CIMultiDict(answer.headers))
        out.content_length = answer.length
        reader = Reader(asked.route.kind, stream="event-stream" in answer.header("content-type"))
        taken = bytearray()
        seen = 0
        try:
            await out.prepare(request)
            async for chunk in answer:
                seen += len(chunk)
                reader.feed(chunk)
                if self.recorder:
                    taken += chunk
                if flight and not flight.first_byte_at:
                    flight.first_byte_at = time.time()
                if seen == answer.length:
                    reader.close()
                if reader.finished or seen == answer.length:
                    self._charge(flight, reader, asked)
                await out.write(chunk)
            reader.close()
        except Cut:
            # The agent is to see that it broke off, not an end.
            self._charge(flight, reader, asked)
            _cut(call, asked)
            if request.transport:
                request.transport.abort()
            return out
        finally:
            self._charge(flight, reader, asked)
        if self.recorder:
            self._record(self.recorder, call, asked, answer, bytes(taken))
        await out.write_eof()
        return out

    def _charge(self, flight: Flight | None, reader: Reader, asked: Asked) -> None:
        if flight is None:
            return
        if not 200 <= flight.status < 300 and not reader.told:
            flight.land(Tokens())
            return
        tokens, estimated = reader.settle(len(asked.body))
        flight.land(tokens, estimated=estimated, price=price_of(reader.model, self.prices) if reader.model else None)

    def _note(self, call: Call, line: bill.Line) -> None:
        with contextlib.suppress(OSError):  # it is kept for later
            call.bill.write(line)

    def _record(self, recorder: Recorder, call: Call, asked: Asked, answer: Answer, body: bytes) -> None:
        try:
            recorder.record(asked.route, asked.body, answer.status, answer.headers, body, (call.told.secret, call.told.key))
        except OSError as error:
            print(f"meter: cannot record: {error}", flush=True)


def _given_up(call: Call, asked: Asked) -> AgentError | None:
    """Why a request does not leave, whatever there is to spend. To ask the same again after the provider's no is for the engine,
    which does that for all attempts together, and not for each program in its own way: most cannot be told how often."""
    if call.troubles and (trouble := call.troubles.get(asked.mark)):
        return trouble
    if call.overflows >= _OVERFLOWS:
        return AgentError(kind="context_overflow", message=f"its context was full {call.overflows} times")
    if call.told.turns and call.turns >= call.told.turns:
        return AgentError(kind="turn_limit", message=f"it has had all its {call.told.turns} turns")
    return None


def _cut(call: Call, asked: Asked) -> None:
    """An answer broke off. Once more may be asked for it."""
    if (mark := asked.mark) in call.cuts:
        call.troubles[mark] = AgentError(kind="network", message="the provider's answer broke off, twice")
    call.cuts.add(mark)


def _most(asked: Asked, price: Price | None) -> Spent:
    """The most a request can use: no token is shorter than a byte, and what the provider adds of his own is little."""
    prompt, output = len(asked.body) + _ADDED, asked.said.most()
    kinds = (Tokens(input=prompt, output=output), Tokens(cache_write=prompt, output=output))
    return Spent(kinds[0].usage(max(price.cost_of_request(tokens) for tokens in kinds) if price else None))


def _refusal(api: Api, status: int, message: str) -> web.Response:
    return web.Response(status=status, body=routes.error_body(api, status, message), content_type="application/json")


async def _body(request: web.BaseRequest) -> bytes | None:
    """The whole body; None when it is too long."""
    if (request.content_length or 0) > LONGEST_BODY:
        return None
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > LONGEST_BODY:
            return None
    return bytes(body)


def _understood(route: Route, body: bytes, headers: Mapping[str, str]) -> Asked:
    """What a request says. A stream of chat completions is asked to tell its usage at its end; nothing else is changed."""
    plain = _plain(body, headers.get("content-encoding", ""))
    try:
        said = _decode(plain)
    except (msgspec.MsgspecError, RecursionError):
        return Asked(route, body, _Said())  # the provider will say what it thinks of it
    if route.kind == "chat" and said.stream and plain is body:
        whole = msgspec.json.decode(body)
        options = whole.get("stream_options")
        if not (isinstance(options, dict) and options.get("include_usage")):
            whole["stream_options"] = {**(options if isinstance(options, dict) else {}), "include_usage": True}
            body = msgspec.json.encode(whole)
    return Asked(route, body, said)


def _plain(body: bytes, encoding: str) -> bytes:
    """The body without its compression, if it is one we know; otherwise the answer tells which model it was."""
    if encoding not in ("gzip", "deflate"):
        return body
    try:
        return zlib.decompressobj(_GZIP_OR_ZLIB).decompress(body, LONGEST_BODY)
    except zlib.error:
        return body
