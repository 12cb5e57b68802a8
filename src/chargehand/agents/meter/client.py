"""The engine's side of the meter: finds it or starts it, tells it of calls, and starts it again should it die."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from chargehand.agents.meter import bill, routes, server, sockets, wire
from chargehand.model.config import AgentConfig, PriceConfig
from chargehand.model.errors import EnvironmentProblem
from chargehand.ports import CAGED_GATEWAY, Agent, Allowance, Gateway, Metered
from chargehand.process import daemon
from chargehand.process.files import write_private

_Socket = socket.socket  # of which the client has its own kind

KEY = "meter.key"
_START_S = 20.0
_PAUSE_S = 0.01
_TRIES = 5

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(wire.Answer).decode


class MeterClient:
    """The ``Meter`` of a project whose state folder is ``state``.

    ``agents`` are the settings by name, ``ambient`` the user's environment, of which it takes the providers' keys and how to reach
    them; ``prices`` add to the table. ``record`` and ``replay`` are cassettes. A provider's limit is waited out for at most
    ``max_wait_s``: that must stay below an attempt's stall limit. With nothing left to do the meter ends after ``linger_s``.
    """

    def __init__(
        self,
        state: Path,
        agents: Mapping[str, AgentConfig],
        ambient: Mapping[str, str],
        prices: Mapping[str, PriceConfig],
        *,
        record: Path | None = None,
        replay: Path | None = None,
        max_wait_s: float = 240.0,
        linger_s: float = 10.0,
    ) -> None:
        self._folder = state.absolute() / "meter"
        self._agents, self._ambient, self._prices = agents, ambient, dict(prices)
        self._record, self._replay = (str(path.absolute()) if path else "" for path in (record, replay))
        self._max_wait_s, self._linger_s = max_wait_s, linger_s
        self._live: dict[str, Callable[[], wire.Admission]] = {}
        self._unsettled: dict[str, Callable[[], wire.Admission]] = {}
        self._ways: dict[str, wire.Open] = {}
        self._line: _Line | None = None
        self._reaching = asyncio.Lock()
        self._restarting: asyncio.Task[None] | None = None

    async def admit(self, place: Path, agent: Agent, allowance: Callable[[], Allowance], *, caged: bool) -> Gateway | None:
        """See ``ports.Meter``. Raises EnvironmentProblem when the meter cannot be started, StorageProblem for a full disk."""
        config = self._agents.get(agent.name, AgentConfig())
        secret, bearer = self._secret(config, agent)
        own = agent.own_server or config.url
        if not agent.api or config.login or not (secret or own or self._replay):
            return None
        place = place.absolute()
        key = _key(place)
        upstream = own or self._ambient.get(routes.URL_VARIABLES[agent.api], "") or routes.DEFAULT_URL[agent.api]

        def admission() -> wire.Admission:
            return wire.Admission(
                place=str(place),
                key=key,
                api=agent.api,
                upstream=upstream,
                secret=secret,
                bearer=bearer,
                turns=agent.turns,
                free=bool(own) and not secret,
                allowance=allowance(),
            )

        self._live[str(place)] = admission
        port = await self._ask(lambda: wire.Admit(admission()))
        return Gateway(CAGED_GATEWAY if caged else f"http://127.0.0.1:{port}", key)

    async def way_out(self, place: Path, hosts: Sequence[str]) -> str:
        """See ``ports.Meter``."""
        way = wire.Open(str(place.absolute()), list(hosts))
        self._ways[way.place] = way
        await self._ask(lambda: way)
        return str(server.way_of(self._folder, way.place))

    async def dismiss(self, place: Path) -> Metered:
        """See ``ports.Meter``. A call that was never let in has used nothing."""
        name = str(place.absolute())
        call, way = self._live.pop(name, None), self._ways.pop(name, None)
        if call:
            self._unsettled[name] = call
        with contextlib.suppress(ConnectionError, EnvironmentProblem):
            if call or way or self._line or (self._folder / server.CONTROL).exists():
                await self._ask(lambda: wire.Dismiss(name), start=False)
        return bill.metered(place)

    async def settle(self, place: Path, allowance: Callable[[], Allowance]) -> None:
        """See ``ports.Meter``."""
        name = str(place.absolute())
        self._unsettled.pop(name, None)
        with contextlib.suppress(ConnectionError):
            if self._line or self._live:
                await self._ask(lambda: wire.Settle(name, allowance()), start=bool(self._live))

    def socket(self) -> str:
        """See ``ports.Meter``. Its folder holds nothing else and outlives a restart of the meter: bind that."""
        return str(self._folder / server.GATEWAY)

    async def close(self) -> None:
        """Leave the meter, which ends at once when nobody needs it."""
        line, self._line = self._line, None
        if self._restarting:
            self._restarting.cancel()
        if line and line.usable:
            with contextlib.suppress(ConnectionError, EnvironmentProblem):
                await line.ask(wire.Leave)
        if line:
            line.close()

    def _secret(self, config: AgentConfig, agent: Agent) -> tuple[str, bool]:
        """The provider's key, and whether it goes into ``Authorization``, as variables of that name mean it."""
        usual = () if agent.own_server else routes.KEY_VARIABLES.get(agent.api, ())
        for name in (config.key,) if config.key else usual:
            if value := self._ambient.get(name, ""):
                return value, name.endswith("AUTH_TOKEN")
        return "", False

    async def _ask(self, order: Callable[[], wire.Order], *, start: bool = True) -> int:
        """The meter's port. ``order`` is made when it is sent. Raises ConnectionError when none runs and none is to be started."""
        for _ in range(_TRIES):
            line = await self._reach(start)
            with contextlib.suppress(ConnectionError):
                return (await line.ask(order)).port
        raise EnvironmentProblem("the meter ends as soon as it is asked", hint=f"see {self._errors}")

    @property
    def _errors(self) -> Path:
        return self._folder / "meter.log"

    async def _reach(self, start: bool) -> _Line:
        """A line to a meter that knows of every call of ours."""
        async with self._reaching:
            if self._line and self._line.usable:
                return self._line
            for _ in range(_TRIES):
                line = _Line(*await asyncio.open_unix_connection(sock=await self._connect(start), limit=wire.LONGEST), self._lost)
                try:
                    await line.ask(self._hello)
                except ConnectionError:
                    await asyncio.sleep(_PAUSE_S)  # it was just about to end
                    continue
                except BaseException:
                    line.close()
                    raise
                self._line = line
                return line
            raise EnvironmentProblem("the meter ends as soon as it is started", hint=f"see {self._errors}")

    def _hello(self) -> wire.Hello:
        return wire.Hello(
            calls=[call() for call in self._live.values()],
            unsettled=[call() for call in self._unsettled.values()],
            ways=list(self._ways.values()),
            prices=self._prices,
            max_wait_s=self._max_wait_s,
            linger_s=self._linger_s,
            record=self._record,
            replay=self._replay,
        )

    async def _connect(self, start: bool) -> _Socket:
        ends = asyncio.get_running_loop().time() + _START_S
        pid = 0
        while True:
            try:
                return sockets.connect_unix(self._folder / server.CONTROL)
            except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
                if not start:
                    raise ConnectionError("the meter does not run") from None
            code = daemon.ended(pid) if pid else 0
            if code or asyncio.get_running_loop().time() > ends:
                raise EnvironmentProblem("the meter does not start", hint=f"see {self._errors}")
            if code == 0:
                pid = self._start()
            await asyncio.sleep(_PAUSE_S)

    def _start(self) -> int:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            return daemon.start(server.__name__, [str(self._folder)], self._errors, _reaching(self._ambient))
        except OSError as problem:
            message = f"cannot start the meter: {problem.strerror}"
            raise EnvironmentProblem(message, hint="free memory, processes or disk space") from problem

    def _lost(self, line: _Line) -> None:
        """The meter is gone. Calls under way need it at once, not only when the engine has something to say."""
        if self._line is line:
            self._line = None
        if self._line is None and (self._live or self._ways) and not (self._restarting and not self._restarting.done()):
            self._restarting = asyncio.get_running_loop().create_task(self._restart())

    async def _restart(self) -> None:
        # What keeps it from starting is told to whoever asks next.
        with contextlib.suppress(EnvironmentProblem, OSError):
            await self._reach(start=True)


class _Line:
    """A connection to the meter. ``lost`` is called when it breaks, unless we closed it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, lost: Callable[[_Line], None]) -> None:
        self.usable = True
        self._reader, self._writer, self._lost = reader, writer, lost
        self._waiting: dict[int, asyncio.Future[wire.Answer]] = {}
        self._last = 0
        self._listening = asyncio.get_running_loop().create_task(self._listen())

    async def ask(self, order: Callable[[], wire.Order]) -> wire.Answer:
        """Send what ``order`` makes, with nothing in between.

        Raises ConnectionError when the meter is gone, EnvironmentProblem when it cannot do it.
        """
        self._last += 1
        number = self._last
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            if not self.usable:
                raise ConnectionError("the meter is gone")
            self._writer.write(_encode(wire.Message(number, order())) + b"\n")
            await self._writer.drain()
            told: wire.Answer = await answer
        except ConnectionError:
            self.usable = False  # whoever listens may not have noticed yet
            raise
        finally:
            self._waiting.pop(number, None)
        if told.error:
            raise EnvironmentProblem(f"the meter cannot do it: {told.error}")
        return told

    def close(self) -> None:
        self.usable = False
        self._listening.cancel()
        self._writer.close()

    async def _listen(self) -> None:
        try:
            while line := await self._reader.readline():
                answer: wire.Answer = _decode(line)
                if (waiting := self._waiting.get(answer.id)) and not waiting.done():
                    waiting.set_result(answer)
        except (OSError, ValueError):
            pass
        self.usable = False
        self._writer.close()
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(ConnectionError("the meter is gone"))
        self._lost(self)


def _reaching(ambient: Mapping[str, str]) -> dict[str, str]:
    """What of the user's environment the meter needs to reach a provider."""
    wanted = {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"}
    return {name: value for name, value in ambient.items() if name.upper() in wanted}


def _key(place: Path) -> str:
    """The key of a call: made once, for good."""
    path = place / KEY
    with contextlib.suppress(FileNotFoundError):
        if len(key := path.read_text(encoding="ascii").strip()) >= _KEY_LENGTH:
            return key
    key = "sk-chargehand-" + secrets.token_hex(24)
    write_private(path, key + "\n")
    return key


_KEY_LENGTH = len("sk-chargehand-") + 48
