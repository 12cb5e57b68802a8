"""What the model does: a scenario's next move, from the request alone.

A scenario is ``name`` or ``name:argument``. Where a move depends on what was answered before, the request itself tells
(`Asked.step`, `Asked.earlier`); only ``flaky`` and ``cut`` count, and the count is given to them.

===================  =============================================================================================================
``ok:PATH``          writes PATH (``hello.txt``) with the program's own tool, runs a shell command (see `SHELL`), ends
``write:PATH``       writes PATH with the program's own tool, ends
``say:TEXT``         ends at once, with TEXT
``answer:JSON``      ends at once, with an answer that fits the schema asked for, or with JSON
``shell:PATH``       runs the shell script at PATH in the workspace, ends
``loop``             runs a shell command again and again
``sleep:MARK``       writes hello.txt, runs a shell command that never ends and leaves a second process, detached; both have MARK in
                     their command lines; never answers what comes after it
``daemon:MARK``      as ``ok``, and the shell command leaves a detached process
``denied:COMMAND``   writes hello.txt, runs COMMAND (``+`` for blanks), ends as if all were well
``unknown``          calls a tool that there is not, writes hello.txt, ends
``hang``             never answers
``stuck``            writes hello.txt, then never answers; gone on with in its session, it runs the shell command of ``ok`` and ends
``slow:SECONDS``     as ``ok``, with a pause between the pieces of each answer
``cut:COUNT``        as ``ok``, but the second answer breaks off in the middle, COUNT times (without COUNT: always)
``flaky:COUNT:CODE`` COUNT refusals (``CODE``, or the one for an overload; ``A+B``: one after the other), then as ``ok``
``400`` to ``529``   refuses every request; ``429`` with ``retry-after``, ``429-window`` with one that is an hour off
``toolong``          refuses every request, because the context is too long
``context``          writes hello.txt, then refuses as ``toolong``
``NAME...@PATH``     as before, with PATH for hello.txt
===================  =============================================================================================================
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.kit.asked import FREEFORM, Asked

FILE = "hello.txt"
TEXT = "hello from the scripted model\n"
FINAL = "I wrote the file and ran the check."
RETRY_AFTER_S = 1
WINDOW_S = 3600

SHELL = "wc -c {path} && env > {path}.env && echo ran > {path}.ran"
"""What ``ok`` runs: the environment of the tool's shell is then found in a file, and lands with the rest."""

_DETACHED = "(setsid bash -c 'exec -a {mark}-far tail -f /dev/null' >/dev/null 2>&1 </dev/null &)"
_NEVER_ENDS = _DETACHED + "; bash -c 'exec -a {mark}-near tail -f /dev/null'"


@dataclass(frozen=True)
class Say:
    text: str


@dataclass(frozen=True)
class Use:
    """A call of a tool; ``arguments`` is plain text for a tool that takes that."""

    tool: str
    arguments: Mapping[str, Any] | str


@dataclass(frozen=True)
class Refuse:
    status: int
    message: str
    context: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Silence:
    """No answer, ever."""


@dataclass(frozen=True)
class Move:
    """``pause_s`` is waited between the pieces of a streamed answer; ``cut``: it breaks off in the middle."""

    deed: Say | Use | Refuse | Silence
    pause_s: float = 0.0
    cut: bool = False


_REFUSALS = {
    400: "the request is malformed",
    401: "invalid api key",
    402: "your credit balance is too low",
    403: "this key may not use the model",
    404: "no such model",
    429: "rate limited",
    500: "internal server error",
    503: "service unavailable",
    529: "overloaded",
}


def counted(scenario: str) -> bool:
    """Whether a move of this scenario depends on how often it was played."""
    return scenario.partition(":")[0] in ("flaky", "cut")


def play(scenario: str, asked: Asked, count: int) -> Move:
    """The next move. ``count`` is how many requests this scenario was asked before, where that counts."""
    scenario, _, file = scenario.partition("@")
    name, _, argument = scenario.partition(":")
    if name == "flaky":
        times, _, code = argument.partition(":")
        if count < int(times or 1):
            codes = code.split("+") if code else ["529" if asked.protocol == "messages" else "503"]
            return Move(_refuse(codes[min(count, len(codes) - 1)]))
        name, argument = "ok", ""
    if name[:3].isdigit():
        return Move(_refuse(name))
    if name == "toolong" or (name == "context" and asked.step):
        return Move(_too_long(asked))
    if name == "hang" or (name == "stuck" and asked.step and not asked.earlier) or (name == "sleep" and asked.step > 1):
        return Move(Silence())
    if not asked.tools or name in ("say", "answer"):  # without tools: a title, a route, a review
        return Move(_end(asked, argument or "ok"))
    if name == "loop":
        return Move(_shell(asked, f"echo turn {asked.step} >> loop.txt"))
    deeds = _deeds(asked, argument, file or FILE).get(name)
    if deeds is None:
        return Move(Refuse(400, f"there is no scenario {name!r}"))
    cut = name == "cut" and asked.step == 1 and (not argument or count < int(argument))
    return Move(_in_order(asked, deeds), pause_s=float(argument or 1) if name == "slow" else 0.0, cut=cut)


def _deeds(asked: Asked, argument: str, file: str) -> dict[str, tuple[Use, ...]]:
    """What is done in each scenario before the model says that it is done."""
    hello = _write(asked, file, TEXT)
    ran = _shell(asked, SHELL.format(path=file))
    path = argument or file
    return {
        "ok": (_write(asked, path, TEXT), _shell(asked, SHELL.format(path=path))),
        "write": (_write(asked, path, TEXT),),
        "shell": (_shell(asked, f"sh ./{argument}"),),
        "sleep": (hello, _shell(asked, _NEVER_ENDS.format(mark=argument))),
        "daemon": (hello, _shell(asked, f"{SHELL.format(path=file)} && {_DETACHED.format(mark=argument)}")),
        "denied": (hello, _shell(asked, argument.replace("+", " "))),
        "unknown": (Use("NoSuchTool", {"x": 1}), hello),
        "context": (hello,),
        "stuck": (ran,) if asked.earlier else (hello, ran),  # the file was written before the session was gone on with
        "slow": (hello, ran),
        "cut": (hello, ran),
    }


def _in_order(asked: Asked, deeds: tuple[Use, ...]) -> Say | Use:
    if asked.step < len(deeds):
        return deeds[asked.step]
    return _end(asked, FINAL, after=len(deeds))


def _end(asked: Asked, text: str, after: int = 0) -> Say | Use:
    """The last word: ``text``, in the form asked for. JSON that is an object is that form already."""
    given = json.loads(text) if text.startswith("{") else None
    if "StructuredOutput" in asked.tools:  # the form has a tool of its own
        wanted = given or fill(asked.tools["StructuredOutput"])
        return Use("StructuredOutput", wanted) if asked.step == after else Say(FINAL)
    return Say(json.dumps(given or fill(asked.schema)) if asked.schema else text)


def _refuse(name: str) -> Refuse:
    code, _, kind = name.partition("-")
    wait = {"retry-after": str(WINDOW_S if kind == "window" else RETRY_AFTER_S)} if code == "429" else {}
    return Refuse(int(code), _REFUSALS.get(int(code), "refused"), headers=wait)


def _too_long(asked: Asked) -> Refuse:
    words = {
        "messages": "prompt is too long: 250000 tokens > 200000 maximum",
        "gemini": "The input token count (1250000) exceeds the maximum number of tokens allowed (1048576).",
    }
    said = words.get(asked.protocol, "This model's maximum context length is 200000 tokens, but the request has 250000.")
    return Refuse(400, said, context=True)


def _write(asked: Asked, path: str, text: str) -> Use:
    """The call that writes a file with the program's own tool, or by shell where it has none."""
    full = path if path.startswith("/") or not asked.cwd else f"{asked.cwd}/{path}"
    for name in ("Write", "write_file", "write", "Create"):
        if name in asked.tools:
            known = asked.tools[name].get("properties", {})
            key = next(each for each in ("file_path", "filePath", "path", "absolute_path") if each in known)
            return _use(asked, name, {key: full, "content": text})
    if "apply_patch" in asked.tools:
        added = "".join(f"+{line}\n" for line in text.splitlines())
        patch = f"*** Begin Patch\n*** Add File: {path}\n{added}*** End Patch\n"
        return Use("apply_patch", patch) if asked.tools["apply_patch"] is FREEFORM else _use(asked, "apply_patch", {"input": patch})
    return _shell(asked, f"mkdir -p \"$(dirname '{path}')\" && printf '%s' '{text}' > '{path}'")


_SHELLS = ("Bash", "bash", "run_shell_command", "exec_command", "shell_command", "Execute", "shell", "local_shell")


def _shell(asked: Asked, command: str) -> Use:
    name = next((each for each in _SHELLS if each in asked.tools), "")
    known = asked.tools.get(name, {}).get("properties", {})
    key = "cmd" if "cmd" in known else "command"
    listed = (known.get(key) or {}).get("type") == "array"
    return _use(asked, name or "shell", {key: ["bash", "-c", command] if listed else command})


def _use(asked: Asked, name: str, given: Mapping[str, Any]) -> Use:
    """A call with everything the tool requires; what is not given is made up."""
    schema = asked.tools.get(name, {})
    return Use(name, {**fill({**schema, "properties": _required(schema)}), **given})


def _required(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {name: schema.get("properties", {}).get(name, {}) for name in schema.get("required", ())}


def fill(schema: Mapping[str, Any]) -> Any:
    """The plainest value that fits a JSON Schema."""
    if schema.get("enum"):
        return schema["enum"][0]
    for key in ("anyOf", "oneOf"):
        if schema.get(key):
            return fill(schema[key][0])
    kind = schema.get("type", "object" if "properties" in schema else "string")
    match str(kind[0] if isinstance(kind, list) else kind).lower():
        case "object":
            return {name: fill(each) for name, each in schema.get("properties", {}).items()}
        case "array":
            return [fill(schema.get("items", {}))] if schema.get("minItems") else []
        case "boolean":
            return True
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "null":
            return None
    return "x"
