"""The cage made by Docker or Podman, for systems where bubblewrap does not work.

The image is empty: what a program sees is the same as in the other cage, mounted from the machine. So no image has to be built,
and agents are those that are installed.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
import shutil
import sys
import tarfile
from functools import cached_property
from pathlib import Path

import msgspec

from chargehand.model.errors import EnvironmentProblem
from chargehand.ports import Launch, Room
from chargehand.process import inside
from chargehand.process.bubblewrap import CODE, environment, keeper, sockets
from chargehand.process.call import call
from chargehand.process.view import INSIDE, Mount, system, view

_ENGINES = ("docker", "podman")
# What the engine's client needs of the user's environment, to find its daemon and its images.
_CLIENT = (
    "HOME",
    "DOCKER_HOST",
    "DOCKER_CONTEXT",
    "DOCKER_CONFIG",
    "CONTAINER_HOST",
    "CONTAINERS_CONF",
    "CONTAINERS_STORAGE_CONF",
    "XDG_RUNTIME_DIR",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
)
_CODE = str(Path(inside.__file__).parent)
_LEASE = "lease"
_MOST_PROCESSES = 32768
_TRIAL_S = 60.0


class Container:
    """A ``ports.Cage``. The engine may be a daemon no supervisor can reach: a program ends with a lease, half a second after it.

    How the program ended is told by its exit code alone, in which a death by signal N is 128 + N.
    """

    name = "container"

    def preflight(self) -> str:
        """See ``ports.Cage``."""
        return self._found[1]

    @cached_property
    def _found(self) -> tuple[str, str]:
        """The engine that works, and why none does (empty: one does)."""
        troubles = []
        for name in _ENGINES:
            if program := shutil.which(name):
                trouble = _try(program)
                if not trouble:
                    return program, ""
                troubles.append(f"{name} does not work here: {trouble}")
        if troubles:
            return "", f"{'; '.join(troubles)} (hint: start its service, or ask to be allowed to use it)"
        return "", "neither docker nor podman was found on PATH (hint: install one of them, or use --cage bwrap)"

    def wrap(self, launch: Launch, room: Room) -> Launch:
        """See ``ports.Cage``."""
        engine = self._found[0] or _ENGINES[0]
        lease = f"{launch.directory}/{_LEASE}"
        client = {name: os.environ[name] for name in _CLIENT if name in os.environ}
        env = environment(launch, room)
        holder = (*keeper(_CODE), f"hold={lease}", "--")
        argv = (*holder, *_command(engine, launch, room, env, lease), *launch.argv)
        return msgspec.structs.replace(launch, argv=argv, env=env | client)


def _command(engine: str, launch: Launch, room: Room, env: dict[str, str], lease: str) -> list[str]:
    name = "chargehand-" + hashlib.sha256(os.fsencode(launch.directory)).hexdigest()[:16]
    words = [engine, "run", "--rm", "--interactive", "--name", name, "--log-driver", "none", "--workdir", launch.cwd]
    words += ["--network", "host" if room.network else "none", "--read-only", "--pids-limit", str(launch.processes or -1)]
    words += ["--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--security-opt", "label=disable"]
    words += ["--user", f"{os.getuid()}:{os.getgid()}"]
    if Path(engine).name == "podman":
        words += [word for limit in _limits() for word in ("--ulimit", limit)]
        words += ["--userns", "keep-id"] if os.getuid() != 0 else []
    # By name, so that no value stands in a command line; but HOME and its like are the client's own here.
    words += [word for key in env for word in ("--env", f"{key}={env[key]}" if key in _CLIENT else key)]
    own = launch.env.get("TMPDIR", "")
    words += _mount(Mount("write", "/tmp", own)) if own and Path(own).is_dir() else ["--tmpfs", "/tmp"]
    for mount in view(launch, room):
        words += _mount(mount)
    program, *script = (*keeper(CODE), f"lease={INSIDE}/{_LEASE}")
    words += _mount(Mount("read", CODE, _CODE)) + _mount(Mount("read", f"{INSIDE}/{_LEASE}", lease))
    for kind, path in sockets(room):
        words += _mount(Mount("read", f"{INSIDE}/{kind}", str(Path(path).parent)))
        script.append(f"{kind}={INSIDE}/{kind}/{Path(path).name}")
    return [*words, "--entrypoint", program, _image()[0], *script, "--"]


def _limits() -> list[str]:
    """Podman asks for more than the limits it was started with, and where it may not have them, fails."""
    import resource

    files = resource.getrlimit(resource.RLIMIT_NOFILE)
    processes = min(resource.getrlimit(resource.RLIMIT_NPROC)[1] % (1 << 63), _MOST_PROCESSES)
    return [f"nofile={files[0]}:{files[1]}", f"nproc={processes}:{processes}"]


def _mount(mount: Mount) -> list[str]:
    match mount.kind:
        case "empty":
            return ["--tmpfs", f"{mount.place}:ro,size=64k"]
        case "link":
            return []  # those are in the image
        case "mask":
            fields = ["type=bind", "source=/dev/null", f"target={mount.place}", "readonly"]
        case "read":
            fields = ["type=bind", f"source={mount.source}", f"target={mount.place}", "readonly"]
        case "write":
            fields = ["type=bind", f"source={mount.source}", f"target={mount.place}"]
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(fields)
    return ["--mount", text.getvalue()]


def _image() -> tuple[str, bytes]:
    """The name of our image, and what is in it: the links at the top of the file system."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for mount in system():
            if mount.kind == "link":
                entry = tarfile.TarInfo(mount.place.lstrip("/"))
                entry.type, entry.linkname = tarfile.SYMTYPE, mount.source
                tar.addfile(entry)
        # An image of nothing at all is refused by some engines.
        folder = tarfile.TarInfo(INSIDE.lstrip("/"))
        folder.type, folder.mode = tarfile.DIRTYPE, 0o755
        tar.addfile(folder)
    data = packed.getvalue()
    return f"localhost/chargehand-cage:{hashlib.sha256(data).hexdigest()[:12]}", data


def _try(engine: str) -> str:
    """Run a program in it, for real; why that fails (empty: it does not). Brings our image in where it is missing."""
    name, data = _image()
    trial = Launch(argv=("/bin/sh", "-c", "exit 0"), cwd="/", env={"PATH": os.defpath}, directory="/nonexistent")
    try:
        if call((engine, "image", "inspect", name), timeout=_TRIAL_S).code:
            brought = call((engine, "import", "-", name), stdin=data, timeout=_TRIAL_S)
            if brought.code:
                return _last_line(brought.stderr)
        command = _command(engine, trial, Room(writable=()), trial.env, sys.executable)
        lease = next(place for place, word in enumerate(command) if word.startswith("lease="))
        tried = call((*command[:lease], *command[lease + 1 :], *trial.argv), timeout=_TRIAL_S)
    except EnvironmentProblem as problem:
        return problem.message
    return _last_line(tried.stderr) if tried.code else ""


def _last_line(said: bytes) -> str:
    return (said.decode(errors="replace").strip() or "it did not say why").splitlines()[-1]
