"""Plays the script of a scripted agent: checks it, then performs in the working directory the steps meant for this attempt.

Run as a program (``python -I script_player.py script.toml``) it is the agent itself, so it starts programs and needs nothing but
the standard library. Imported, it only checks scripts. The steps are described in docs/agents.md.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
import tomllib
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

Step = dict[str, Any]

BAD_SCRIPT = 2
"""Exit code when the script cannot be played."""

STEP_FAILED = 1
"""Exit code when a step could not be performed. A failing shell step ends the player with its own code."""

MB = 1024 * 1024

LARGEST = 1e9
"""No number of a script may be larger: seconds, megabytes, tokens, USD."""


class StepFailed(Exception):
    """A step that is well written but cannot be performed here."""


# --- the grammar: what a step may hold ------------------------------------------------------------------------------------------


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and 0 <= value <= LARGEST  # type: ignore[operator]


def _text(value: object) -> str:
    return "" if isinstance(value, str) else "must be a text"


def _filled(value: object) -> str:
    return "" if isinstance(value, str) and value and "\0" not in value else "must be a text that is not empty"


def _inside(value: object) -> str:
    if message := _filled(value):
        return message
    path = Path(os.path.normpath(str(value)))
    if path.is_absolute() or ".." in path.parts:
        return f"leaves the workspace: {value}"
    return "" if path.parts else f"names the workspace itself: {value}"


def _seconds(value: object) -> str:
    return "" if _is_number(value) else "must be a number of seconds, 0 or more"


def _megabytes(value: object) -> str:
    return "" if _is_number(value) and value else "must be a number of megabytes above 0"


def _line_bytes(value: object) -> str:
    return "" if type(value) is int and 1 <= value <= 1024 * MB else "must be a whole number of bytes, 1 or more"


def _exit_code(value: object) -> str:
    return "" if type(value) is int and 0 <= value <= 255 else "must be a whole number from 0 to 255"


def _flag(value: object) -> str:
    return "" if isinstance(value, bool) else "must be true or false"


def _true(value: object) -> str:
    return "" if value is True else "must be true"


def _mode(value: object) -> str:
    good = isinstance(value, str) and 3 <= len(value) <= 4 and set(value) <= set("01234567")
    return "" if good else 'must be an octal text such as "755"'


def _usage(value: object) -> str:
    names = {"input_tokens", "output_tokens", "cost_usd"}
    if not isinstance(value, dict) or not value or not set(value) <= names:
        return "must be a table of input_tokens, output_tokens, cost_usd"
    counts = [amount for name, amount in value.items() if name != "cost_usd"]
    good = all(type(count) is int and count >= 0 for count in counts) and _is_number(value.get("cost_usd", 0))
    return "" if good else "must hold numbers, 0 or more (whole ones for tokens)"


def _error(value: object) -> str:
    names = {"kind", "message", "retry_after_s", "reset_at"}
    if not isinstance(value, dict) or "kind" not in value or not set(value) <= names:
        return "must be a table with kind, and perhaps message, retry_after_s, reset_at"
    good = isinstance(value["kind"], str) and all(_is_number(value.get(name, 0)) for name in ("retry_after_s", "reset_at"))
    return "" if good else "must hold a text as kind and numbers as times"


def _tasks(value: object) -> str:
    ids = value if isinstance(value, list) else [value]
    return "" if ids and all(isinstance(one, str) and one for one in ids) else "must be a task id or a list of them"


def _attempts(value: object) -> str:
    numbers = value if isinstance(value, list) else [value]
    good = numbers and all(type(one) is int and one >= 1 for one in numbers)
    return "" if good else "must be an attempt number (from 1) or a list of them"


Check = Callable[[object], str]

ACTIONS: dict[str, Check] = {
    "write": _inside,
    "append": _inside,
    "delete": _inside,
    "patch": _filled,
    "shell": _filled,
    "sleep": _seconds,
    "say": _text,
    "usage": _usage,
    "error": _error,
    "exit": _exit_code,
    "hang": _true,
    "flood": _megabytes,
    "daemon": _seconds,
}

OPTIONS: dict[str, tuple[Check, frozenset[str]]] = {
    "task": (_tasks, frozenset(ACTIONS)),
    "attempt": (_attempts, frozenset(ACTIONS)),
    "text": (_text, frozenset({"write", "append"})),
    "from": (_filled, frozenset({"write", "append"})),
    "mode": (_mode, frozenset({"write"})),
    "check": (_flag, frozenset({"shell"})),
    "line_bytes": (_line_bytes, frozenset({"flood"})),
}


def load(script: str) -> tuple[list[Step], list[str]]:
    """The steps of a script, and every problem of it (``path: step 3: what is wrong``). With a problem nothing may be played."""
    try:
        document = tomllib.loads(Path(script).read_bytes().decode())
    except OSError as error:
        return [], [f"{script}: {(error.strerror or 'cannot be read').lower()}"]
    except (ValueError, RecursionError) as error:
        return [], [f"{script}: not valid TOML: {error}"]
    steps = document.pop("step", [])
    problems = [f"{script}: unknown key {key!r}: a script holds [[step]] tables only" for key in document]
    if not isinstance(steps, list) or not steps or not all(isinstance(step, dict) for step in steps):
        return [], [*problems, f"{script}: a script must hold at least one [[step]] table"]
    for number, step in enumerate(steps, 1):
        if isinstance(step.get("from"), str):
            step["from"] = str(Path(script).absolute().parent / step["from"])
        problems += [f"{script}: step {number}: {message}" for message in _problems(step)]
    return steps, problems


def _problems(step: Step) -> list[str]:
    found = [_unknown(key) for key in step if key not in ACTIONS and key not in OPTIONS]
    actions = [key for key in step if key in ACTIONS]
    if len(actions) != 1:
        which = f"has {len(actions)} actions ({', '.join(actions)})" if actions else "has no action"
        return [*found, f"{which}: a step does exactly one of {', '.join(ACTIONS)}"]
    action = actions[0]
    for key, value in step.items():
        check, of = OPTIONS.get(key) or (ACTIONS.get(key), frozenset({action}))
        if check and action not in of:
            found.append(f"{key!r} does not go with {action!r}")
        elif check and (message := check(value)):
            found.append(f"{key!r} {message}")
    if not found and action in {"write", "append"} and ("text" in step) == ("from" in step):
        found.append(f"{action!r} needs either 'text' or 'from'")
    source = step.get("from", "")
    if not _filled(source) and not Path(source).is_file():
        found.append(f"'from' names no file: {source}")
    return found


def _unknown(key: str) -> str:
    import difflib

    near = difflib.get_close_matches(key, [*ACTIONS, *OPTIONS], 1)
    return f"unknown key {key!r}" + (f" (did you mean {near[0]!r}?)" if near else "")


# --- the play ---------------------------------------------------------------------------------------------------------------------


def main(argv: list[str], environ: Mapping[str, str]) -> int:
    """Play the script named in ``argv``; returns the exit code."""
    if len(argv) != 2:
        _talk("usage: script_player.py SCRIPT")
        return BAD_SCRIPT
    script = argv[1]
    steps, problems = load(script)
    if problems:
        _talk("\n".join(problems))
        return BAD_SCRIPT
    task, count = environ.get("CHARGEHAND_TASK_ID", ""), environ.get("CHARGEHAND_ATTEMPT", "")
    attempt = int(count) if count.isdecimal() else 1
    chosen = [(number, step) for number, step in enumerate(steps, 1) if _meant(step, task, attempt)]
    if not chosen:
        _say(f"{script}: no step is for {task or 'a run without a task'}, attempt {attempt}: nothing to do")
    for number, step in chosen:
        try:
            code = _perform(number, step)
        except (OSError, StepFailed) as error:
            _talk(f"{script}: step {number}: {error}")
            return STEP_FAILED
        if code is not None:
            return code
    return 0


def _meant(step: Step, task: str, attempt: int) -> bool:
    def fits(key: str, value: object) -> bool:
        wanted = step.get(key, value)
        return value in wanted if isinstance(wanted, list) else value == wanted

    return fits("task", task) and fits("attempt", attempt)


def _perform(number: int, step: Step) -> int | None:
    """Do one step. An exit code ends the play; None goes on."""
    action = next(key for key in step if key in ACTIONS)
    if action not in {"say", "usage", "error", "flood"}:
        first_line = next(iter(str(step[action]).strip().splitlines()), "")
        _say(f"step {number}: {action} {first_line}")
    return PLAYS[action](step)


def _put(data: bytes | memoryview, descriptor: int = 1) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _say(text: str) -> None:
    _put((text + "\n").encode(errors="replace"))


def _talk(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _workspace_path(path: str) -> Path:
    """The place itself, not what a link there points to. Raises StepFailed when a link on the way leads out of the workspace."""
    here = Path.cwd().resolve()
    place = here / os.path.normpath(path)
    if not place.parent.resolve().is_relative_to(here):
        raise StepFailed(f"{path} leaves the workspace through a link")
    return place


def _write(step: Step) -> None:
    path = step.get("write") or step["append"]
    data = Path(step["from"]).read_bytes() if "from" in step else step["text"].encode()
    place = _workspace_path(path)
    if not place.resolve().is_relative_to(Path.cwd().resolve()):
        raise StepFailed(f"{path} leaves the workspace through a link")
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.open("wb" if "write" in step else "ab") as file:
        file.write(data)
    if "mode" in step:
        place.chmod(int(step["mode"], 8))


def _delete(step: Step) -> None:
    place = _workspace_path(step["delete"])
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    else:
        place.unlink()


def _patch(step: Step) -> None:
    # git must neither take a repository around the workspace for its own (it would skip files) nor obey settings of the machine.
    alone = {"GIT_CEILING_DIRECTORIES": str(Path.cwd().parent), "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    text = step["patch"] if step["patch"].endswith("\n") else step["patch"] + "\n"
    if code := _run(["git", "apply", "--whitespace=nowarn", "-"], text.encode(), alone):
        raise StepFailed(f"the patch does not apply (git apply: exit code {code})")


def _shell(step: Step) -> int | None:
    code = _run(["/bin/sh", "-c", step["shell"]])
    return code if code and step.get("check", True) else None


def _hang(_: Step) -> None:
    while True:
        time.sleep(3600)


def _run(argv: list[str], given: bytes | None = None, extra: Mapping[str, str] | None = None) -> int:
    """Run a program to its end, with ``given`` on stdin (None: the player's own, the prompt). A signal gives 128 + its number."""
    actions: list[tuple[int, int, int] | tuple[int, int]] = []
    if given is not None:
        read, write = os.pipe()
        actions = [(os.POSIX_SPAWN_DUP2, read, 0)]
    # Python ignores SIGPIPE; programs expect not to be told so.
    pid = os.posix_spawnp(argv[0], argv, {**os.environ, **(extra or {})}, file_actions=actions, setsigdef=[signal.SIGPIPE])
    if given is not None:
        os.close(read)
        with suppress(BrokenPipeError):  # it ended early; its exit code says why
            _put(given, write)
        os.close(write)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return code if code >= 0 else 128 - code


def _report(step: Step) -> None:
    tokens = dict(step["usage"])
    money = {"cost_usd": tokens.pop("cost_usd")} if "cost_usd" in tokens else {}
    _say(json.dumps({"usage": tokens, **money} if tokens else money))


def _flood(step: Step) -> None:
    total, line_bytes = int(step["flood"] * MB) or 1, step.get("line_bytes", 100)
    block = memoryview((b"x" * (line_bytes - 1) + b"\n") * max(1, 65536 // line_bytes))
    while total > len(block):
        _put(block)
        total -= len(block)
    _put(block[: total - 1])
    _put(b"\n")


def _daemon(step: Step) -> None:
    """Leave a process behind that has a session of its own, no parent, and no ear for SIGTERM. It keeps our output open."""
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    daemon = os.fork()
    if daemon:
        _say(f"daemon {daemon}")
    else:
        time.sleep(step["daemon"])
    os._exit(0)


PLAYS: dict[str, Callable[[Step], int | None]] = {
    "write": _write,
    "append": _write,
    "delete": _delete,
    "patch": _patch,
    "shell": _shell,
    "sleep": lambda step: time.sleep(step["sleep"]),
    "say": lambda step: _say(step["say"]),
    "usage": _report,
    "error": lambda step: _say(json.dumps({"error": step["error"]})),
    "exit": lambda step: int(step["exit"]),
    "hang": _hang,
    "flood": _flood,
    "daemon": _daemon,
}


if __name__ == "__main__":
    sys.exit(main(sys.argv, os.environ))
