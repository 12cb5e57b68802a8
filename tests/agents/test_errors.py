"""What kept an agent from working, by what providers and programs say of it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargehand.agents import errors
from chargehand.agents.errors import classify, error, from_log, reset_at, retry_after, timed
from chargehand.model.work import AgentError

NOW = datetime(2026, 9, 20, 10, 0, tzinfo=UTC).timestamp()


def utc(day: int, hour: int, minute: int = 0, month: int = 9, year: int = 2026) -> float:
    return datetime(year, month, day, hour, minute, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("kind", "status", "code", "text"),
    [
        ("auth", 401, "", "whatever"),
        ("auth", 0, "", "Invalid API key · Please run /login"),
        ("auth", 400, "", "API key not valid. Please pass a valid API key."),
        ("auth", 0, "authentication_failed", ""),
        ("auth", 0, "", "unexpected status 401 Unauthorized: no"),
        ("auth", 403, "permission_error", "Your organization has disabled this"),
        ("auth", 0, "", "Error: OAuth token has expired. Please obtain a new token"),
        ("quota", 402, "", ""),
        ("quota", 429, "insufficient_quota", "You exceeded your current quota, please check your plan and billing details."),
        ("quota", 400, "", "Your credit balance is too low to access the Anthropic API."),
        ("model_not_found", 404, "not_found_error", "model: claude-9"),
        ("model_not_found", 0, "model_not_found", "The model `gpt-99` does not exist or you do not have access to it."),
        ("model_not_found", 404, "", "models/gemini-9 is not found for API version v1beta"),
        ("context_overflow", 400, "", "prompt is too long: 250000 tokens > 200000 maximum"),
        ("context_overflow", 400, "context_length_exceeded", "This model's maximum context length is 128000 tokens."),
        ("context_overflow", 0, "ContextOverflowError", "Input exceeds context window of this model"),
        ("context_overflow", 400, "", "The input token count (1100000) exceeds the maximum number of tokens allowed (1048576)."),
        ("context_overflow", 413, "request_too_large", ""),
        ("rate_limit", 429, "rate_limit_error", "This request would exceed your rate limit of 50,000 input tokens per minute"),
        ("rate_limit", 0, "", "exceeded retry limit, last status: 429 Too Many Requests"),
        ("rate_limit", 429, "", "You exceeded your current quota, please check your billing details. Please retry in 31.2s."),
        ("usage_window", 0, "", "You've hit your limit · resets 3pm (Europe/Berlin)"),
        ("usage_window", 0, "", "Claude AI usage limit reached|1790000000"),
        ("usage_window", 0, "", "5-hour limit reached ∙ resets 2am"),
        ("usage_window", 429, "", "You've hit your usage limit. Upgrade to Pro or try again in 2 days 3 hours."),
        ("usage_window", 429, "", "You have exhausted your capacity on this model. Your quota will reset after 8h15m0s."),
        ("capacity", 529, "overloaded_error", "Overloaded"),
        ("capacity", 0, "overloaded", ""),
        ("capacity", 503, "UNAVAILABLE", "The model is overloaded. Please try again later."),
        ("capacity", 0, "", "Selected model is at capacity. Please try a different model."),
        ("server", 500, "api_error", "Internal server error"),
        ("server", 502, "", "<html>Bad gateway: authentication server</html>"),
        ("server", 0, "", "HTTP status 500"),
        ("network", 0, "", "API Error: Connection error. (ECONNREFUSED)"),
        ("network", 0, "", "stream disconnected before completion: error sending request for url (http://x)"),
        ("network", 0, "", "TypeError: fetch failed"),
        ("network", 0, "", "getaddrinfo ENOTFOUND api.example.com"),
        ("network", 408, "", ""),
        ("turn_limit", 0, "", "Reached max session turns for this session."),
        ("permission", 0, "", "permission requested: edit; auto-rejecting"),
        ("budget", 403, "", "Failed to authenticate. API Error: 403 chargehand: budget: nothing is left for run (USD)"),
        ("budget", 0, "", "unexpected status 403 Forbidden: chargehand: budget: nothing is left for task:TASK-001 (tokens)"),
    ],
)
def test_an_error_has_its_class(kind: str, status: int, code: str, text: str) -> None:
    assert error(text, status, code).kind == kind


@pytest.mark.parametrize(
    "text",
    [
        "",
        "it was terminated by signal 9",
        "TypeError: x is undefined",
        "Segmentation fault",
        "exit code 1",
        "line 404 of 500 lines",
    ],
)
def test_what_is_not_known_is_not_guessed(text: str) -> None:
    assert classify(text) is None
    assert error(text).kind == "crash"
    assert error(text, otherwise="network").kind == "network"


def test_the_last_line_that_says_something_counts() -> None:
    said = from_log("Error: fetch failed\nretrying\nError: 401 Unauthorized\n    at main (index.js:3)\n")
    assert (said.kind, said.message) == ("auth", "Error: 401 Unauthorized")
    assert from_log("oh\nno") == AgentError(kind="crash", message="oh no")


def test_how_a_program_is_used_says_nothing_of_what_happened() -> None:
    help_ = "  -u, --username   basic auth username\n      --raw-output   a risk where it is not trusted\n"
    assert from_log(help_).kind == "crash"
    asked = from_log(f"Unknown arguments: such-flag\nUsage: x [options]\n{help_ * 20}")
    assert (asked.kind, asked.message) == ("crash", "Unknown arguments: such-flag")
    assert from_log("error: unexpected argument '--x' found\ntip: an API key is missing").kind == "crash"


def test_a_line_that_calls_itself_an_error_comes_first() -> None:
    said = from_log("Error: 401 Unauthorized\nnetwork proxy: none\n")
    assert (said.kind, said.message) == ("auth", "Error: 401 Unauthorized")
    assert from_log("socket hang up\nbye").kind == "network"


@pytest.mark.parametrize("text", ["terminated", "TypeError: terminated", "unknown [API Error: terminated]"])
def test_a_body_that_broke_off_is_the_network(text: str) -> None:
    assert classify(text) == "network"


@pytest.mark.parametrize(
    "text",
    [
        "No conversation found with session ID: e4e9c6e9",
        "Error: thread/resume: thread/resume failed: no rollout found for thread id 645609ea (code -32600)",
        "Error resuming session: No previous sessions found for this project.",
        "Error: Session not found",
        "No session found matching '653781db'",
        "No saved session found with ID f3ded1a6. Run `qwen --resume` without an ID to choose from existing sessions.",
    ],
)
def test_a_session_that_is_not_there_is_none_to_go_on_with(text: str) -> None:
    assert from_log(text).kind == "session_lost"


def test_a_session_that_is_made_anew_is_not_lost() -> None:
    assert from_log("Warning: No project session found with id 'dc5f'; creating a new session with that id.").kind == "crash"


def test_a_message_is_short_and_clean() -> None:
    message = error("\x1b[31mred\x1b[0m\n\n  text " + "x" * 5000).message
    assert message.startswith("red text xxx")
    assert len(message) == errors.MESSAGE_LIMIT


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Please try again in 1.2s.", 1.2),
        ("Please try again in 350ms", 0.35),
        ("try again in 1 hour 5 minutes", 3900),
        ("try again in 2 days 3 hours 4 minutes.", 183_840),
        ("try again in 1 day, 2 hours, and 3 minutes", 93_780),
        ("Please retry in 20h59m5.5s.", 75_545.5),
        ("Your quota will reset after 8h15m0s", 29_700),
        ("retry-after: 30", 30),
        ("retry_after_seconds=12.5", 12.5),
        ("Retry after 20 seconds", 20),
        ("retryDelay: '36s'", 36),
        ("wait 5 minutes", 300),
        ("done in 3 s", 3),
        ("in 5 steps", 0),
        ("retry after lunch", 0),
        ("try again in 99999 days", 0),
        ("", 0),
    ],
)
def test_a_wait_is_read(text: str, seconds: float) -> None:
    assert retry_after(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("Claude AI usage limit reached|1790000000", 1_790_000_000),
        ("resets at 1790000000000", 1_790_000_000),
        ("resets at 2026-09-21T04:30:00Z", utc(21, 4, 30)),
        ("reset: 2026-09-21 04:30:00+02:00", utc(21, 2, 30)),
        ("resets 3pm (UTC)", utc(20, 15)),
        ("resets at 9:30 am UTC", utc(21, 9, 30)),
        ("resets 3pm (Europe/Berlin)", utc(20, 13)),
        ("resets 12am (UTC)", utc(21, 0)),
        ("resets 12pm (UTC)", utc(20, 12)),
        ("try again at Oct 3rd, 2026 3:05 PM UTC", utc(3, 15, 5, month=10)),
        ("weekly limit reached ∙ resets Oct 9 at 10am (UTC)", utc(9, 10, month=10)),
        ("until 14:20 UTC", utc(20, 14, 20)),
        ("resets soon", 0),
        ("resets 3", 0),
        ("resets at 99:99 UTC", 0),
        ("resets Feb 31 at 10am (UTC)", 0),
        ("resets 3pm (Not/AZone)", None),
        ("limit reached|1600000000", 0),
        ("", 0),
    ],
)
def test_a_moment_is_read(text: str, moment: float | None) -> None:
    got = reset_at(text, NOW)
    assert got == moment or (moment is None and NOW < got <= NOW + 86400)


def test_times_are_added_once_it_is_known_when_it_was_said() -> None:
    said = timed(error("You've hit your limit · resets 3pm (UTC)"), NOW)
    assert (said.kind, said.reset_at, said.retry_after_s) == ("usage_window", utc(20, 15), 0)
    kept = AgentError(kind="rate_limit", message="retry-after: 30", retry_after_s=5)
    assert timed(kept, NOW) == kept


@settings(max_examples=300, deadline=None)
@given(text=st.text(max_size=80) | st.from_regex(r"(resets|try again|retry) (at|in) [0-9]{1,9}[:hms .]{0,3}[0-9]{0,3} ?[apm]{0,2}"))
def test_any_text_gives_sane_times(text: str) -> None:
    said = timed(error(text, code=text), NOW)
    assert 0 <= said.retry_after_s <= errors.LONGEST_WAIT
    assert said.reset_at == 0 or NOW < said.reset_at <= NOW + errors.LONGEST_WAIT
