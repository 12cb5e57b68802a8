"""What models cost."""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path

import pytest

from chargehand.agents import prices
from chargehand.agents.prices import price_of
from chargehand.model.config import PriceConfig
from chargehand.model.work import Tokens


def test_every_price_has_a_date_a_source_and_figures_that_make_sense() -> None:
    table = tomllib.loads(Path(prices.__file__).with_name("prices.toml").read_text(encoding="utf-8"))
    names = [name for provider in table.values() for name in provider["models"]]
    assert len(names) == len(set(names)) > 50
    for name in names:
        price = price_of(name)
        assert price, name
        assert date.fromisoformat(price.date) > date(2026, 1, 1), name
        assert price.source.startswith("https://"), name
        assert 0 < price.input < price.output, name
        assert (price.cached or 0) < price.input <= (price.cache_write or price.input), name
        if price.long:
            assert price.long.input > price.input, name


@pytest.mark.parametrize(
    ("model", "same"),
    [
        ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5"),
        ("claude-opus-4-20250514", "claude-opus-4"),
        ("claude-haiku-5-5[1m]", "claude-haiku-5-5"),
        ("anthropic/claude-sonnet-4.5", "claude-sonnet-4-5"),
        ("us.anthropic.claude-opus-4-1-20250805-v1:0", "claude-opus-4-1"),
        ("gpt-5.4-2026-03-01", "gpt-5.4"),
        ("gpt-5-mini-2025-08-07", "gpt-5-mini"),
        ("openai/gpt-5.6-luna", "gpt-5.6-luna"),
        ("gemini-2.5-flash-preview-09-2025", "gemini-2.5-flash"),
        ("gemini-2.0-flash-001", "gemini-2.0-flash"),
    ],
)
def test_a_dated_name_costs_what_the_model_does(model: str, same: str) -> None:
    assert price_of(model) == price_of(same) is not None


@pytest.mark.parametrize(
    "model", ["", "gpt-5-turbo", "gpt-5.9", "claude-opus-4-9", "claude", "my-local-model", "gemini-2.5-flash-ultra"]
)
def test_another_model_has_another_price(model: str) -> None:
    assert price_of(model) is None


def test_the_users_price_wins() -> None:
    own = {"gpt-5.4": PriceConfig(input=1, output=2), "my-local-model": PriceConfig(input=0, output=0)}
    price = price_of("gpt-5.4-2026-03-01", own)
    assert price
    assert (price.input, price.output, price.source) == (1, 2, "settings")
    local = price_of("my-local-model", own)
    assert local
    assert local.cost(Tokens(1000, 1000, 1000, 1000)) == 0


def test_what_tokens_cost() -> None:
    price = prices.Price(input=10, output=100, cached=1)
    assert price.cost(Tokens(input=100_000, cached=200_000, cache_write=300_000, output=10_000)) == pytest.approx(1 + 0.2 + 3 + 1)


def test_a_long_prompt_costs_more_as_a_whole() -> None:
    price = prices.Price(input=1, output=10, long=prices.LongRates(above=1000, input=2, output=15))
    assert price.cost_of_request(Tokens(input=600, cached=400, output=100)) == pytest.approx((1000 + 1000) / 1e6)
    assert price.cost_of_request(Tokens(input=601, cached=400, output=100)) == pytest.approx((2002 + 1500) / 1e6)
