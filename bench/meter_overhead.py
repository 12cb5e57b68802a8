"""What the meter adds to a request: milliseconds to the first byte and to the last, through it and directly, in turns.

    python bench/meter_overhead.py [--requests 300] [--agents 8]

The provider is a small server in a process of its own; the agent keeps its connection open, as the CLIs do.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import NamedTuple, cast
from urllib.parse import urlsplit

from chargehand.agents.meter.client import MeterClient
from chargehand.model.config import AgentConfig
from chargehand.ports import Agent, Allowance, Gateway

AIM_MS = 5.0
_USAGE = {"input_tokens": 1000, "cache_read_input_tokens": 500, "output_tokens": 400}
_WHOLE = json.dumps({"type": "message", "model": "claude-sonnet-4-5", "content": [], "usage": _USAGE}).encode()
_DELTA = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "some words of an answer"}}
_EVENTS: list[dict[str, object]] = [
    {"type": "message_start", "message": {"model": "claude-sonnet-4-5", "usage": _USAGE}},
    *[_DELTA] * 400,
    {"type": "message_delta", "delta": {}, "usage": _USAGE},
    {"type": "message_stop"},
]
_CHUNKS = [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in _EVENTS]


class Took(NamedTuple):
    """Milliseconds."""

    first: float
    last: float


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A provider, as fast as can be: nothing of the time is its own."""
    while head := await reader.readuntil(b"\r\n\r\n"):
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line)
        body = await reader.readexactly(int(fields[b"content-length"]))
        if b'"stream": true' in body:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
            for chunk in _CHUNKS:
                writer.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
                await writer.drain()
            writer.write(b"0\r\n\r\n")
        else:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(_WHOLE) + _WHOLE)
        await writer.drain()


def provide() -> None:
    """The provider's process: prints its port and serves until it is ended."""

    async def serve() -> None:
        async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await _answer(reader, writer)
            except (asyncio.IncompleteReadError, OSError):
                writer.close()

        server = await asyncio.start_server(one, "127.0.0.1", 0)
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()

    asyncio.run(serve())


class Line:
    """An agent's connection."""

    def __init__(self, url: str, key: str) -> None:
        split = urlsplit(url)
        self._connection = http.client.HTTPConnection(split.hostname or "", split.port)
        self._headers = {"x-api-key": key, "content-type": "application/json"}

    def ask(self, body: bytes) -> Took:
        began = time.perf_counter()
        self._connection.request("POST", "/v1/messages", body, self._headers)
        response = self._connection.getresponse()
        response.read(1)
        first = time.perf_counter()
        response.read()
        assert response.status == 200
        return Took((first - began) * 1000, (time.perf_counter() - began) * 1000)


def compare(name: str, direct: Line, metered: Line, body: bytes, requests: int, pid: int) -> float:
    """Print one row; returns the median of what is added to the last byte. ``pid`` is the meter's."""
    for line in (direct, metered):
        line.ask(body)
    before = cpu_ms(pid)
    pairs = [(direct.ask(body), metered.ask(body)) for _ in range(requests)]
    spent = (cpu_ms(pid) - before) / requests
    added = [(through.first - plain.first, through.last - plain.last) for plain, through in pairs]
    figures = []
    for index in (0, 1):
        values = sorted(each[index] for each in added)
        figures += [statistics.median(values), values[int(len(values) * 0.95)]]
    print(f"{name:28} {figures[0]:8.2f} {figures[1]:8.2f} {figures[2]:10.2f} {figures[3]:8.2f} {spent:8.2f}")
    return figures[2]


def cpu_ms(pid: int) -> float:
    """Milliseconds of CPU a process has used: on a busy machine the only figure that is its own."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


def crowd(url: str, gateway: Gateway, agents: int, requests: int) -> tuple[float, float]:
    """Requests per second with several agents at once: directly, and through the meter."""
    body = json.dumps({"model": "claude-sonnet-4-5", "max_tokens": 100}).encode()
    rates = []
    for line_url, key in ((url, "x"), (gateway.url, gateway.key)):

        def work(line: Line) -> None:
            for _ in range(requests):
                line.ask(body)

        threads = [threading.Thread(target=work, args=(Line(line_url, key),)) for _ in range(agents)]
        began = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        rates.append(agents * requests / (time.perf_counter() - began))
    return rates[0], rates[1]


class _Speaker:
    name, api, turns, own_server = "claude", "anthropic", 0, ""


async def main(requests: int, agents: int) -> int:
    provider = subprocess.Popen([sys.executable, __file__, "--provide"], stdout=subprocess.PIPE, text=True)
    assert provider.stdout
    url = f"http://127.0.0.1:{provider.stdout.readline().strip()}"
    with tempfile.TemporaryDirectory() as folder:
        config = {"claude": AgentConfig(kind="claude", url=url)}
        client = MeterClient(Path(folder), config, {"ANTHROPIC_API_KEY": "sk-bench-0123456789"}, {}, linger_s=0.5)
        began = time.perf_counter()
        allowance = Allowance(usd={"run": 1e6, "task": 1e6, "day": 1e6})
        gateway = await client.admit(Path(folder, "call"), cast("Agent", _Speaker()), lambda: allowance, caged=False)
        assert gateway
        print(f"Started in {(time.perf_counter() - began) * 1000:.0f} ms; {requests} requests each way, milliseconds added:\n")
        print(f"{'':28} {'first':>8} {'p95':>8} {'last byte':>10} {'p95':>8} {'its CPU':>8}")
        small = {"model": "claude-sonnet-4-5", "max_tokens": 1000, "messages": "x" * 2000}
        direct, metered, pid = Line(url, "x"), Line(gateway.url, gateway.key), _pid(folder)
        worst = compare("small, in one piece", direct, metered, json.dumps(small).encode(), requests, pid)
        worst = max(
            worst,
            compare(
                "240 kB, in one piece", direct, metered, json.dumps({**small, "messages": "x" * 240_000}).encode(), requests, pid
            ),
        )
        compare("stream of 403 events", direct, metered, json.dumps({**small, "stream": True}).encode(), requests, pid)
        plain, through = crowd(url, gateway, agents, requests)
        print(f"\n{agents} agents at once: {plain:.0f} requests a second directly, {through:.0f} through the meter")
        size = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
        print(f"Its size after that: {int(size.split()[1]) / 1024:.0f} MB")
        await client.dismiss(Path(folder, "call"))
        await client.close()
    provider.send_signal(signal.SIGTERM)
    provider.wait()
    print(f"\n{'Within' if worst <= AIM_MS else 'ABOVE'} the aim of {AIM_MS:.0f} ms for each request.")
    return 0 if worst <= AIM_MS else 1


def _pid(folder: str) -> int:
    return int(json.loads(Path(folder, "meter", "meter.json").read_text())["pid"])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument("--agents", type=int, default=8)
    parser.add_argument("--provide", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.provide:
        provide()
    else:
        os.umask(0o077)
        sys.exit(asyncio.run(main(options.requests, options.agents)))
