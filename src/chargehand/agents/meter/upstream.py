"""Asking the provider, or the cassette in its place: an answer either way."""

from __future__ import annotations

import io
import time
import urllib.request
from collections.abc import AsyncIterator, Sequence
from urllib.parse import urlsplit

import aiohttp
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from chargehand.agents import errors
from chargehand.agents.meter import cassette, routes
from chargehand.agents.meter.limits import Account, wait_told
from chargehand.agents.meter.routes import Route
from chargehand.agents.meter.wire import Admission
from chargehand.model.work import AgentError

_ERROR_BODY = 8 * 1024 * 1024
_CONNECT_S = 30.0
_AS_THEY_COME = frozenset({"User-Agent", "Accept", "Accept-Encoding", "Content-Type"})


class NoAnswer(Exception):
    """The provider gave none. ``sent``: the request may have reached it."""

    def __init__(self, message: str, *, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent


class Cut(Exception):
    """The answer broke off."""


class Answer:
    """What the provider says. ``length`` in bytes, when it is known; ``headers`` are fit to be passed on. ``text``: its body, where
    that was read before it is passed on."""

    text = b""

    def __init__(
        self, status: int, headers: Sequence[tuple[str, str]], body: AsyncIterator[bytes], length: int | None = None
    ) -> None:
        self.status, self.headers, self.length = status, headers, length
        self._body = body
        self._response: aiohttp.ClientResponse | None = None

    @classmethod
    def live(cls, response: aiohttp.ClientResponse) -> Answer:
        decoded = "Content-Encoding" in response.headers
        headers = routes.returned_headers(response.headers.items(), decoded=decoded)
        answer = cls(response.status, headers, _chunks(response), None if decoded else response.content_length)
        answer._response = response
        return answer

    @classmethod
    def whole(cls, status: int, headers: Sequence[tuple[str, str]], pieces: Sequence[bytes]) -> Answer:
        return cls(status, headers, _given(pieces))

    def header(self, name: str) -> str:
        return next((value for each, value in self.headers if each.lower() == name), "")

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._body

    def close(self) -> None:
        """Let go of the connection: back to the others when the answer was read to its end, closed otherwise."""
        if self._response:
            self._response.close()


async def _chunks(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    try:
        async for chunk in response.content.iter_any():
            yield chunk
    except (aiohttp.ClientError, OSError) as error:
        raise Cut(str(error)) from error


async def _given(pieces: Sequence[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


class Provider:
    """All providers' accounts. ``proxies`` are the user's, from the environment of this process."""

    def __init__(self) -> None:
        self.max_wait_s = 0.0
        self.player: cassette.Player | None = None
        self._accounts: dict[tuple[str, str], Account] = {}
        self._proxies = urllib.request.getproxies_environment()
        self._session: aiohttp.ClientSession | None = None

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=15),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S),
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=_AS_THEY_COME,
                max_line_size=65536,
                max_field_size=65536,
                read_bufsize=256 * 1024,
            )
        return self._session

    async def close(self) -> None:
        if self._session:
            await self._session.close()

    async def ask(
        self, call: Admission, method: str, asked: Route, query: str, headers: Sequence[tuple[str, str]], body: bytes
    ) -> tuple[Answer, float]:
        """The answer, and the seconds spent on waiting for the provider's limits to pass. Raises NoAnswer."""
        if self.player:
            return self._play(call, asked, body), 0.0
        account = self._accounts.setdefault((call.upstream, call.secret), Account())
        deadline = time.monotonic() + self.max_wait_s
        waited = 0.0
        while True:
            before = time.monotonic()
            turn = await account.turn(deadline)
            waited += time.monotonic() - before
            if turn == "late":
                return _again(account), waited
            told = None
            try:
                answer = await self._send(call, method, asked, query, headers, body)
                if answer.status >= 400:
                    answer = await _read(answer)
                    known = CIMultiDictProxy(CIMultiDict(answer.headers))
                    told = wait_told(answer.status, known, answer.text, time.time())
            finally:
                if turn == "probe":
                    account.leave()
            if told is None:
                if turn == "probe":
                    account.open()
                return answer, waited
            account.close(told, answer)
            if time.monotonic() + account.left > deadline:
                return answer, waited

    def trouble(self, call: Admission, answer: Answer) -> AgentError:
        """What a refusal says, and when the call's account takes requests again, as far as that is known."""
        account = self._accounts.get((call.upstream, call.secret))
        reset_at = time.time() + account.left if account and account.left else 0.0
        said = f"the provider answered {answer.status} {answer.text.decode(errors='replace')}"
        return errors.error(said, answer.status, otherwise="server" if answer.status >= 500 else "crash", reset_at=reset_at)

    async def _send(
        self, call: Admission, method: str, asked: Route, query: str, headers: Sequence[tuple[str, str]], body: bytes
    ) -> Answer:
        url = URL(routes.address(call.api, call.upstream, asked, query), encoded=True)
        try:
            response = await self._client().request(
                method,
                url,
                headers=CIMultiDict(routes.upstream_headers(call.api, headers, call.secret, bearer=call.bearer)),
                data=io.BytesIO(body) if body else None,
                allow_redirects=False,
                proxy=self._proxy(url),
            )
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL) as error:
            raise NoAnswer(f"cannot reach the provider: {error}", sent=False) from error
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise NoAnswer(f"the provider gave no answer: {error}", sent=True) from error
        return Answer.live(response)

    def _proxy(self, url: URL) -> str | None:
        if not self._proxies or urllib.request.proxy_bypass(f"{url.host}:{url.port}"):
            return None
        proxy = self._proxies.get(url.scheme) or self._proxies.get("all")
        return proxy if proxy and urlsplit(proxy).scheme in ("http", "https") else None

    def _play(self, call: Admission, asked: Route, body: bytes) -> Answer:
        assert self.player
        played = self.player.answer(asked, body)
        if played is None:
            text = routes.error_body(call.api, 404, "chargehand: this request is not in the cassette that is played")
            return Answer.whole(404, [("Content-Type", "application/json")], [text])
        return Answer.whole(played.status, played.headers, list(cassette.pieces(played.body)))


class _Whole(Answer):
    """An answer that has been read, to be passed on any number of times."""


async def _read(answer: Answer) -> _Whole:
    text = bytearray()
    try:
        async for chunk in answer:
            text += chunk
            if len(text) > _ERROR_BODY:
                break
    except Cut:
        pass
    finally:
        answer.close()
    whole = _Whole(answer.status, answer.headers, _given([bytes(text)]), len(text))
    whole.text = bytes(text)
    return whole


def _again(account: Account) -> Answer:
    """What the provider said to another request of the account; how long to wait is told as of now."""
    last = account.last
    headers = [(name, value) for name, value in last.headers if name.lower() not in ("retry-after", "retry-after-ms")]
    return Answer.whole(last.status, [*headers, ("retry-after", str(round(account.left) + 1))], [last.text])
