"""Routing: every kind of ending, what follows, and who does it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargehand.model.config import Config, RetryConfig
from chargehand.model.work import AgentError, Failure, Outcome, Verdict
from chargehand.plan.routing import fingerprint, goes_on, next_agent, route


def failed(outcome: Outcome, number: int = 1, *, at: float = 0.0, error: AgentError | None = None, same: str = "") -> Failure:
    return Failure(attempt=number, outcome=outcome, reason=outcome, at=at, error=error, fingerprint=same or f"f{number}")


@pytest.mark.parametrize("outcome", ["empty", "agent_failed", "gate_failed", "conflict", "timeout", "stall"])
def test_what_is_wrong_with_the_product_is_tried_again_until_the_tries_are_spent(outcome: Outcome) -> None:
    config = Config(retry=RetryConfig(attempts=2))
    assert route([failed(outcome)], config).action == "retry"
    decided = route([failed(outcome), failed(outcome, 2)], config)
    assert decided.action == "fail"
    assert "2 attempts" in decided.reason


def test_the_last_failure_may_be_a_question_instead() -> None:
    config = Config(retry=RetryConfig(attempts=1), on_failure="ask")
    assert route([failed("gate_failed")], config).action == "ask"


@pytest.mark.parametrize("outcome", ["gate_error", "error"])
def test_what_the_platform_could_not_do_is_asked_at_once(outcome: Outcome) -> None:
    assert route([failed(outcome)], Config()).action == "ask"


def test_a_provider_that_names_a_time_is_waited_for_till_then() -> None:
    seconds = AgentError(kind="rate_limit", retry_after_s=42.0)
    moment = AgentError(kind="usage_window", reset_at=1_000_500.0)
    assert route([failed("unavailable", at=1_000_000.0, error=seconds)], Config()).wait_s == 42.0
    assert route([failed("unavailable", at=1_000_000.0, error=moment)], Config()).wait_s == 500.0


def test_waits_double_with_jitter_spend_no_try_and_end_with_a_question() -> None:
    config = Config(retry=RetryConfig(attempts=1, wait_seconds=5.0, wait_limit_minutes=60.0))
    error = AgentError(kind="capacity")
    failures: list[Failure] = []
    now, waits = 0.0, []
    for number in range(1, 100):
        failures.append(failed("unavailable", number, at=now, error=error))
        decided = route(failures, config, "TASK-001")
        if decided.action == "ask":
            break
        assert decided.action == "wait"
        assert decided.agent_wide
        waits.append(decided.wait_s)
        now += decided.wait_s
    assert decided.action == "ask"
    assert all(0.7 * 5 * 2**step <= wait <= 1.3 * 5 * 2**step for step, wait in enumerate(waits[:6]))
    assert max(waits) <= 300 * 1.3
    assert 1800 < now <= 3600


def test_two_tasks_do_not_wait_in_step() -> None:
    error = AgentError(kind="server")
    waits = {route([failed("unavailable", error=error)], Config(), f"TASK-{number:03d}").wait_s for number in range(20)}
    assert len(waits) > 15


def test_a_session_that_is_not_there_spends_no_try() -> None:
    lost = failed("interrupted", error=AgentError(kind="session_lost"))
    assert route([lost], Config(retry=RetryConfig(attempts=1))).action == "retry"


@pytest.mark.parametrize(("kind", "wide"), [("auth", True), ("quota", True), ("permission", False), ("blocked", False)])
def test_what_only_a_person_can_mend_is_asked_at_once(kind: str, wide: bool) -> None:
    error = AgentError(kind=kind)  # type: ignore[arg-type]
    decided = route([failed("refused", error=error)], Config())
    assert (decided.action, decided.agent_wide) == ("ask", wide)


def test_the_same_failure_twice_goes_to_the_next_agent() -> None:
    config = Config(retry=RetryConfig(attempts=5, escalate=["strong", "strongest"]))
    same = [failed("gate_failed", number, same="x") for number in range(1, 4)]
    assert [next_agent(same[:count], "plain", config) for count in range(4)] == ["plain", "plain", "strong", "strongest"]
    different = [failed("gate_failed", number) for number in range(1, 4)]
    assert next_agent(different, "plain", config) == "plain"


def test_the_last_try_goes_to_the_next_agent_even_if_each_failure_was_new() -> None:
    config = Config(retry=RetryConfig(attempts=3, escalate=["strong"]))
    assert next_agent([failed("gate_failed", 1), failed("empty", 2)], "plain", config) == "strong"
    assert next_agent([failed("gate_failed", 1), failed("empty", 2)], "plain", Config()) == "plain"


def test_a_fingerprint_forgets_times_numbers_and_paths_but_not_words() -> None:
    def of(evidence: str) -> str:
        return fingerprint("gate_failed", [Verdict(gate="t", commit="c", verdict="fail", summary="s", evidence=evidence)], "")

    assert of("3 failed in 1.20s at 0xdeadbeef /tmp/a1/x.py") == of("4 failed in 9.99s at 0x1234 /tmp/b2/x.py")
    assert of("AssertionError: total") != of("AssertionError: names")
    assert fingerprint("empty", [], "") != fingerprint("stall", [], "")


@given(st.text(), st.text())
def test_any_text_has_a_fingerprint(one: str, two: str) -> None:
    assert len(fingerprint("empty", [], one)) == len(fingerprint("empty", [], two)) == 16


def ended(outcome: str, kind: str = "", *, agent: str = "a", print_: str = "x", signal: int = 0) -> Failure:
    error = AgentError(kind=kind) if kind else None  # type: ignore[arg-type]
    return Failure(
        attempt=1,
        outcome=outcome,  # type: ignore[arg-type]
        reason="",
        agent=agent,
        error=error,
        fingerprint=print_,
        signal=signal,
    )


@pytest.mark.parametrize(
    ("last", "same"),
    [
        (ended("gate_failed"), True),
        (ended("timeout"), True),
        (ended("agent_failed"), False),
        (ended("agent_failed", "turn_limit"), True),
        (ended("agent_failed", "context_overflow"), False),
        (ended("agent_failed", "crash"), False),
        (ended("agent_failed", "crash", signal=9), True),
        (ended("interrupted"), True),
        (ended("interrupted", "session_lost"), False),
        (ended("unavailable", "rate_limit"), True),
        (ended("conflict"), False),
        (ended("gate_failed", agent="b"), False),
    ],
)
def test_a_session_is_gone_on_with_where_it_helps(last: Failure, same: bool) -> None:
    assert goes_on([last], "a", Config()) is same


def test_a_session_that_failed_twice_in_the_same_way_is_left() -> None:
    assert not goes_on([ended("gate_failed"), ended("gate_failed")], "a", Config())
    assert goes_on([ended("gate_failed", print_="y"), ended("gate_failed")], "a", Config())


def test_sessions_can_be_turned_off_but_for_what_was_only_cut_short() -> None:
    fresh = Config(retry=RetryConfig(session="fresh"))
    assert not goes_on([ended("gate_failed")], "a", fresh)
    assert goes_on([ended("interrupted")], "a", fresh)
