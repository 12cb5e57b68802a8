"""Run several commands one after the other, each in a fork, so that Python starts once. Argument: their words, as JSON."""

from __future__ import annotations

import json
import os
import sys

from chargehand.doors.cli.main import main

END = "\x1e"


def speak(words: list[str]) -> None:
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        code = 3
        try:
            code = main(words)
        except SystemExit as end:
            code = int(end.code or 0)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    print(f"(exit code {code})" if code else "", end=f"{END}\n", flush=True)


if __name__ == "__main__":
    for words in json.loads(sys.argv[1]):
        speak(words)
