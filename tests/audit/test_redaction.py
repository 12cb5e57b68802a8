"""Secrets go, in every way they may be written; everything else stays as it is."""

from __future__ import annotations

import base64
import hashlib
import json
import time
import uuid
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargehand.model import facts, redaction
from chargehand.model.config import AgentConfig, Config, GateConfig
from chargehand.model.redaction import MARK, Redactor
from chargehand.model.work import Usage, Verdict
from chargehand.service.secrets import looks_secret, redactor, secret_values

ALNUM = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
WORD = ALNUM + "_-"


def tokens(prefix: str, alphabet: str, least: int, most: int = 0, before: str = "") -> st.SearchStrategy[str]:
    """Written so that no whole token of any service stands in this file."""
    return st.text(alphabet, min_size=least, max_size=most or least).map(lambda rest: prefix + before + rest)


KEYS = st.one_of(
    *(tokens(f"gh{kind}_", ALNUM, 36, 60) for kind in "pousr"),
    tokens("github_pat_", ALNUM + "_", 82),
    tokens("glpat-", WORD, 20, 30),
    tokens("sk-", ALNUM, 48),
    tokens("sk-proj-", WORD, 40, 120, before="A1"),
    tokens("sk-ant-", WORD, 80, 110, before="api03-A1"),
    tokens("AIza", WORD, 35),
    tokens("AKIA", "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16),
    tokens("xoxb-", ALNUM, 24, before="123456789012-"),
    tokens("sk_live_", ALNUM, 24),
    tokens("rk_test_", ALNUM, 24),
    tokens("npm_", ALNUM, 36),
    tokens("pypi-AgE", WORD, 100, 160, before="IcHlwaS5vcmcC"),
)
AROUND = st.sampled_from(["", " ", '"', "'", "(", "=", "\n", ": ", "key=", "x = '", "\\n", "\x1b[31m", "[", ","])


@given(KEYS, AROUND, st.sampled_from(["", " ", '"', "'", "\n", ")", ",", "\\n", ";", "]"]))
def test_keys_of_known_services_go_wherever_they_stand(key: str, before: str, after: str) -> None:
    if key[-1] in "-_" and key.startswith("AIza"):
        after = after or " "
    assert Redactor().text(before + key + after) == before + MARK + after


JWT = ".".join(
    base64.urlsafe_b64encode(part).decode().rstrip("=")
    for part in (b'{"alg":"HS256","typ":"JWT"}', b'{"sub":"1234567890","name":"x"}', b"0123456789abcdef0123456789abcdef")
)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"token {JWT} ends", f"token {MARK} ends"),
        ("Authorization: " + "Bearer abcdef0123456789.-_~+/==", f"Authorization: Bearer {MARK}"),
        ('{"authorization": "' + 'bearer abcdef0123456789"}', f'{{"authorization": "bearer {MARK}"}}'),
        ("curl -H 'Authorization: " + "Basic dXNlcjpwYXNzd29yZA=='", f"curl -H 'Authorization: Basic {MARK}'"),
        ("https://me:hunter2@example.org/x", f"https://{MARK}@example.org/x"),
        ("postgres://app:s3cr3t@db:5432/app", f"postgres://{MARK}@db:5432/app"),
        ("aws_secret_access_key = " + "a1B2" * 10, f"aws_secret_access_key = {MARK}"),
        ('"SecretAccessKey": "' + "a1B2" * 10 + '"', f'"SecretAccessKey": "{MARK}"'),
        ("https://hooks.slack.com/services/" + "T0123ABCD/B0123ABCD/" + "x1" * 12, f"https://hooks.slack.com/services/{MARK}"),
    ],
)
def test_what_is_no_token_by_itself(text: str, left: str) -> None:
    assert Redactor().text(text) == left


@pytest.mark.parametrize("kind", ["", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED "])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\\n", "\\\\n"])
def test_private_keys_go_whole_and_cut_off(kind: str, newline: str) -> None:
    lines = [base64.b64encode(bytes([number]) * 48).decode() for number in range(20)]
    begin, end = f"-----BEGIN {kind}PRIVATE KEY-----", f"-----END {kind}PRIVATE KEY-----"
    assert Redactor().text(f"a{newline}{newline.join([begin, *lines, end])} b") == f"a{newline}{MARK} b"
    assert lines[3] not in Redactor().text(newline.join([begin, *lines]))
    assert Redactor().text(f'x = "{begin}" if y else "{end}"') == f'x = "{begin}" if y else "{end}"'


@given(st.text(min_size=8, max_size=60).filter(lambda value: value.strip() == value and value not in MARK and "\n" not in value))
def test_a_value_goes_in_every_way_it_is_written(value: str) -> None:
    clean = Redactor([value])
    raw = value.encode("utf-8", "surrogatepass")
    assert clean.text(f"<{value}>") == f"<{MARK}>"
    for written in (json.dumps(value), json.dumps(value, ensure_ascii=False), json.dumps(json.dumps(value))):
        assert MARK in clean.text(written)
        assert written[4:-4] not in clean.text(written)
    assert clean.text(f"?k={quote(value, safe='')}&") == f"?k={MARK}&"
    assert clean.text(base64.b64encode(raw).decode()) == MARK
    for before in (b"u:", b"user:", b"someone:"):
        assert MARK in clean.text(base64.b64encode(before + raw + b"@x").decode())
    assert clean.data(b"\xff" + value.encode() + b"\xfe") == b"\xff" + MARK.encode() + b"\xfe"


CODE = "".join(file.read_text() for file in sorted(Path(redaction.__file__).parents[1].rglob("*.py")))


def test_code_stays_as_it_is() -> None:
    assert Redactor().spans(CODE) == []
    for line in (
        'headers = {"Authorization": f"Bearer {token}"}',
        "Authorization: Bearer $TOKEN",
        "git clone https://github.com/owner/name.git && ssh://git@github.com:22/x",
        'url = f"postgres://{user}:{password}@{host}/db"',
        "http://localhost:8080/@scope/package and http://[::1]:80/a@b",
        ".sk-folding-cube-with-a-very-long-class-name { color: red }",
        "risk-assessment-of-the-projects-2024-and-a-half",
        "npm_config_registry npm_lifecycle_event npm_package_json",
        "the_github_pat_is_in_the_vault eyJhbGciOi is how they begin",
        "AKIA is a prefix, ghp_ too, xoxb- also, sk-ant- as well, -----BEGIN CERTIFICATE-----",
    ):
        assert Redactor().text(line) == line


@given(st.binary(min_size=1, max_size=200), st.uuids(), st.integers())
def test_hashes_ids_and_numbers_stay_as_they_are(data: bytes, one: uuid.UUID, number: int) -> None:
    text = " ".join(
        [
            hashlib.sha1(data).hexdigest(), hashlib.sha256(data).hexdigest(), hashlib.sha512(data).hexdigest(), str(one), one.hex,
            str(number), "sha256-" + base64.b64encode(hashlib.sha256(data).digest()).decode(),
            f"r1.TASK-001.2 refs/chargehand/attempts/r1.TASK-001.2 v1.2.3-rc.1+{number}",
        ]
    )  # fmt: skip
    assert Redactor().text(text) is text


@given(st.text())
def test_any_text_is_left_in_peace_twice(text: str) -> None:
    clean = Redactor(["correct horse", "redacted", "tr0ub4dor&3"])
    assert clean.text(clean.text(text)) == clean.text(text)


def test_short_values_are_not_looked_for() -> None:
    assert Redactor(["secret", "", "pass"]).text("a secret pass") == "a secret pass"


def test_no_input_makes_it_slow() -> None:
    """Each of these would take minutes if a pattern could try again and again; code of that length is the measure."""

    def seconds(text: str) -> float:
        begin = time.perf_counter()
        Redactor().spans(text)
        return time.perf_counter() - begin

    size = 400_000
    measure = min(seconds((CODE * (size // len(CODE) + 1))[:size]) for _ in range(2))
    keys = ("-----BEGIN PRIVATE KEY-----", "-----BEGIN RSA PRIVATE KEY-----" + "A" * 30, "-----BEGIN A", "aws_secret_access_key=")
    for piece in (
        *keys,
        "eyJ",
        "eyJaaaaaaaaaaaaaa.",
        "://",
        "://a:",
        "sk-",
        "sk-ant-",
        "glrt-",
        "xoxb-",
        "Authorization: Bearer ",
        "A",
    ):
        assert seconds((piece * (size // len(piece) + 1))[:size]) < 50 * measure + 0.5, piece


# --- facts --------------------------------------------------------------------------------------------------------------------


def test_facts_are_cleaned_however_deep_and_keep_what_they_refer_to_each_other_by() -> None:
    value = "interrupted"  # as it happens, also a word of ours
    clean = Redactor([value, "TASK-001", "hunter2hunter2"])
    verdict = Verdict(gate="hunter2hunter2", commit="c", verdict="fail", summary="say hunter2hunter2", evidence=f"{value}!")
    given = facts.VerdictGiven(task="TASK-001", attempt="r1.TASK-001.1", verdict=verdict)
    assert clean.facts(given) == facts.VerdictGiven(
        task="TASK-001",
        attempt="r1.TASK-001.1",
        verdict=Verdict(gate="hunter2hunter2", commit="c", verdict="fail", summary=f"say {MARK}", evidence=f"{MARK}!"),
    )
    ended = facts.AttemptEnded(task="TASK-001", attempt="a", outcome="interrupted", reason=value)
    assert clean.facts(ended).outcome == "interrupted"
    assert clean.facts(ended).reason == MARK
    started = facts.RunStarted(
        run="r1", spec="s", spec_digest="d", target="main", base="", agent="x", jobs=1, version="1",
        config={"agents": {"x": {"command": ["run", "--key", "hunter2hunter2"]}}},
    )  # fmt: skip
    assert clean.facts(started).config == {"agents": {"x": {"command": ["run", "--key", MARK]}}}
    taken = facts.CommitTaken(task="T", attempt="a", commit="c", proposal="p", base="b", files=("a.py", "hunter2hunter2.txt"))
    assert clean.facts(taken).files == ("a.py", f"{MARK}.txt")


def test_a_clean_fact_is_the_same_object() -> None:
    fact = facts.AttemptClaimed(task="T-1", attempt="r1.T-1.1", number=1, agent="claude", reserved=Usage(1, 2, 3.0))
    assert Redactor(["hunter2hunter2"]).facts(fact) is fact


# --- which values -------------------------------------------------------------------------------------------------------------


def test_the_secrets_of_a_run_are_the_values_of_variables_named_as_secrets() -> None:
    config = Config(
        agents={"a": AgentConfig(command="x", env=["OPENAI_API_KEY", "HOME", "NOT_SET_TOKEN"])},
        gates={"g": GateConfig(command="y", env=["NPM_TOKEN", "CI"])},
    )
    ambient = {
        "OPENAI_API_KEY": "key-of-openai",
        "HOME": "/home/somebody",
        "NPM_TOKEN": "token-of-npm",
        "OTHER_SECRET": "not given",
    }
    assert secret_values(config, ambient) == ["key-of-openai", "token-of-npm"]
    assert redactor(config, ambient).text("key-of-openai in /home/somebody") == f"{MARK} in /home/somebody"


@pytest.mark.parametrize(
    "name", ["GH_TOKEN", "OPENAI_API_KEY", "DB_PASSWORD", "CLIENT_SECRET", "KEY", "GITHUB_PAT", "apikey", "SSH_KEY_2"]
)
def test_names_of_secrets(name: str) -> None:
    assert looks_secret(name)


@pytest.mark.parametrize(
    "name", ["PATH", "KEYBOARD", "MONKEY", "HOME", "GOOGLE_APPLICATION_CREDENTIALS", "TOKEN_FILE", "AUTHOR", "LANG"]
)
def test_names_of_other_things(name: str) -> None:
    assert not looks_secret(name)
