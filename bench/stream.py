"""How fast a transcript is read: our reader beside asyncio's readline and the json module, and the memory both take.

``python bench/stream.py [--mb 200] [--rounds 3]``. Each reading is a process of its own. The transcript is what Claude Code writes:
small messages, tool results of some kilobytes, one of 50 MB in the middle. ``--last-mb 50`` makes its last word as long.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MB = 1024 * 1024
HUGE = 50


def transcript(path: Path, size_mb: int, last_mb: int) -> None:
    """Write a transcript of about that size."""

    def line(type_: str, content: list[dict[str, object]], **more: object) -> bytes:
        message = {"id": "msg_1", "role": "assistant", "model": "m", "content": content, **more}
        return (
            json.dumps({"type": type_, "message": message, "session_id": "s", "uuid": "u"}, separators=(",", ":")).encode() + b"\n"
        )

    said = line(
        "assistant", [{"type": "text", "text": "I look at the next file. " * 8}], usage={"input_tokens": 3, "output_tokens": 1}
    )
    call = line("assistant", [{"type": "tool_use", "id": "t", "name": "Read", "input": {"file_path": "/w/src/module.py"}}])
    result = line("user", [{"type": "tool_result", "tool_use_id": "t", "content": "    return value  # a line of code\n" * 120}])
    turn = said + call + result
    half = max(1, (size_mb - HUGE) * MB // len(turn) // 2)
    with path.open("wb") as file:
        file.writelines(turn for _ in range(half))
        file.write(b'{"type":"user","message":{"content":[{"type":"tool_result","content":"')
        file.writelines(b"x" * MB for _ in range(HUGE))
        file.write(b'"}]}}\n')
        file.writelines(turn for _ in range(half))
        file.write(b'{"is_error":false,"subtype":"success","result":"done')
        file.writelines(b"x" * MB for _ in range(last_mb))
        file.write(b'","total_cost_usd":0.5,"type":"result"}\n')


def ours(path: Path) -> str:
    from chargehand.agents.registry import make_agent
    from chargehand.model.config import AgentConfig
    from chargehand.model.work import Exit, Tally

    report = make_agent("c", AgentConfig(kind="claude"), Path("/")).report(path, Exit(cause="exited", code=0), Tally())
    return report.answer[:4] if report.finished else "not finished"


def plain(path: Path) -> str:
    """As it is usually done; with a limit large enough for the longest line, for without that it ends at the first long one."""

    async def read() -> str:
        reader = asyncio.StreamReader(limit=1024 * MB)
        with path.open("rb") as file:
            transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), file)
            answer = ""
            while text := await reader.readline():
                event = json.loads(text)
                if event["type"] == "result":
                    answer = event["result"][:4]
            transport.close()
        return answer

    return asyncio.run(read())


def once(how: str, path: Path) -> None:
    """Read it, and print seconds and memory (MB) as JSON. The plain way needs a pipe, which ``cat`` fills."""
    started = time.perf_counter()
    if how == "ours":
        answer = ours(path)
    else:
        with subprocess.Popen(["cat", path], stdout=subprocess.PIPE) as source:
            assert source.stdout
            answer = plain(Path(f"/dev/fd/{source.stdout.fileno()}"))
    assert answer == "done", answer
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps([time.perf_counter() - started, memory]))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mb", type=int, default=200)
    parser.add_argument("--last-mb", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--once", choices=["ours", "plain"])
    parser.add_argument("--path", type=Path)
    args = parser.parse_args()
    if args.once:
        once(args.once, args.path)
        return 0
    with tempfile.TemporaryDirectory(prefix="chargehand-stream-") as place:
        path = Path(place, "stdout.log")
        transcript(path, args.mb, args.last_mb)
        command = [sys.executable, __file__, "--path", str(path), "--once"]
        results: dict[str, list[list[float]]] = {"ours": [], "plain": []}
        for _ in range(args.rounds):
            for how, of in results.items():
                of.append(json.loads(subprocess.run([*command, how], capture_output=True, text=True, check=True).stdout))
        best = {how: min(of) for how, of in results.items()}
        print(f"{path.stat().st_size / MB:.0f} MB, one line of {HUGE} MB, last word of {args.last_mb} MB; best of {args.rounds}")
    for how, name in (("ours", "chargehand"), ("plain", "asyncio readline + json")):
        seconds, memory = best[how]
        print(f"{name:24} {seconds:6.2f} s  {memory:5.0f} MB at most")
    times = best["plain"][0] / best["ours"][0]
    print(f"{times:.1f} times as fast")
    return 0 if times >= 2 else 1


if __name__ == "__main__":
    sys.exit(main())
