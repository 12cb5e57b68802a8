"""A file without its secrets: whole, in place, in little memory."""

from __future__ import annotations

import random
import tracemalloc
from pathlib import Path

import pytest

from chargehand.model.redaction import MARK, Redactor
from chargehand.process.scrub import scrub

SECRET = "correct-horse-battery"
CLEAN = Redactor([SECRET])


def test_a_clean_file_is_not_touched(tmp_path: Path) -> None:
    file = tmp_path / "stdout.log"
    file.write_bytes(b"nothing\xff here\n" * 200_000)
    before = file.stat()
    assert scrub(file, CLEAN) == 0
    assert file.stat() == before
    assert list(tmp_path.iterdir()) == [file]


def test_secrets_go_and_the_rest_and_the_mode_stay(tmp_path: Path) -> None:
    file = tmp_path / "stdout.log"
    file.write_bytes(b"\xff\xfe one correct-horse-battery\r\n" + b"x" * 3_000_000 + b"\ntwo correct-horse-battery")
    file.chmod(0o600)
    assert scrub(file, CLEAN) == 2
    assert file.read_bytes() == b"\xff\xfe one [redacted]\r\n" + b"x" * 3_000_000 + b"\ntwo [redacted]"
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [file]
    assert scrub(file, CLEAN) == 0


@pytest.mark.parametrize("newline", ["\n", " "])
@pytest.mark.parametrize("offset", range(-24, 3, 2))
def test_a_secret_across_two_chunks(tmp_path: Path, offset: int, newline: str) -> None:
    before = ("é" + newline) * ((1 << 20) // (2 + len(newline)) + offset // 3)
    text = before[:-10].ljust((1 << 20) + offset, "e") + SECRET + newline + "ü" * 50_000
    file = tmp_path / "log"
    file.write_text(text, encoding="utf-8")
    assert scrub(file, CLEAN) == 1
    assert file.read_text(encoding="utf-8") == text.replace(SECRET, MARK)


def test_it_says_what_one_look_at_everything_would(tmp_path: Path) -> None:
    chance = random.Random(7)
    pieces = [
        SECRET,
        "ghp_" + "a1" * 20,
        "ordinary words ",
        "\n",
        "x" * 5000,
        "-----BEGIN PRIVATE KEY-----\n" + "QUJD" * 20 + "\n",
        "é",
    ]
    for _ in range(2):
        data = "".join(chance.choices(pieces, k=3000)).encode()
        file = tmp_path / "log"
        file.write_bytes(data)
        count = scrub(file, CLEAN)
        assert file.read_bytes() == CLEAN.data(data)
        assert count == len(CLEAN.spans(data.decode()))


def test_memory_stays_flat(tmp_path: Path) -> None:
    file = tmp_path / "log"
    with file.open("wb") as out:
        for _ in range(24):
            out.write(b"some words of a transcript\n" * 40_000 + b"correct-horse-battery\n")
    tracemalloc.start()
    assert scrub(file, CLEAN) == 24
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < file.stat().st_size / 3


def test_what_is_no_file_is_left_alone(tmp_path: Path) -> None:
    secret = tmp_path / "elsewhere"
    secret.write_text(SECRET)
    link = tmp_path / "stdout.log"
    link.symlink_to(secret)
    assert scrub(link, CLEAN) == 0
    assert secret.read_text() == SECRET
    assert scrub(tmp_path / "missing", CLEAN) == 0
    assert scrub(tmp_path, CLEAN) == 0
