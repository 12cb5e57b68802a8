"""What models cost: a table in a data file, each entry with its date and source, and what the user says of his own."""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from chargehand.model.config import PriceConfig
from chargehand.model.work import Tokens

_TABLE = Path(__file__).with_name("prices.toml")
_MILLION = 1_000_000
# What a name may have behind that of the table: a date, a revision, a way to say "the newest". Anything else is another model.
_SAME_MODEL = re.compile(r"(?:[-@](?:\d{3,8}|\d{4}-\d{2}-\d{2}|\d{2}-\d{2,4}|latest|preview|exp)|:\d+|-v\d+)*(?:\[1m\])?")


class Rates(msgspec.Struct, frozen=True, kw_only=True):
    """USD for a million tokens. ``cached`` and ``cache_write`` None: as much as others."""

    input: float
    output: float
    cached: float | None = None
    cache_write: float | None = None

    def of(self, tokens: Tokens) -> float:
        cached = self.input if self.cached is None else self.cached
        write = self.input if self.cache_write is None else self.cache_write
        paid = tokens.input * self.input + tokens.output * self.output + tokens.cached * cached + tokens.cache_write * write
        return paid / _MILLION


class LongRates(Rates, frozen=True, kw_only=True):
    """What every token of a request costs whose prompt has more than ``above`` tokens."""

    above: int


class Price(Rates, frozen=True, kw_only=True):
    """What a model costs, when that was looked up (``date``) and where (``source``; ``settings`` for the user's own)."""

    long: LongRates | None = None
    date: str = ""
    source: str = ""

    def cost(self, tokens: Tokens) -> float:
        """USD for tokens of any number of requests; long prompts are not told apart."""
        return self.of(tokens)

    def cost_of_request(self, tokens: Tokens) -> float:
        """USD for one request, which may have been a long one."""
        prompt = tokens.input + tokens.cached + tokens.cache_write
        return self.long.of(tokens) if self.long and prompt > self.long.above else self.of(tokens)


def unknown(model: str, prices: Mapping[str, PriceConfig]) -> str:
    """What is to be said of a model of which nobody told the price; empty when it is known, or no model is named."""
    if not model or price_of(model, prices):
        return ""
    return f"no price is known for {model}: a call costs what its program says, and otherwise what is reserved for it"


FREE = Price(input=0.0, output=0.0, source="nobody is paid")


def price_of(model: str, overrides: Mapping[str, PriceConfig] | None = None) -> Price | None:
    """The price of a model, by its name as it is or without date and provider; None when it is not known."""
    own = {name: Price(source="settings", **msgspec.structs.asdict(price)) for name, price in (overrides or {}).items()}
    for name in _names(model):
        for table in (own, _table()):
            if found := _match(name, table):
                return table[found]
    return None


def _names(model: str) -> Iterator[str]:
    """``anthropic/claude-sonnet-4.5`` as it is, without the provider, and as the provider itself writes it."""
    short = model.rpartition("/")[2]
    return iter(dict.fromkeys((model, short, re.sub(r"^(?:\w+\.)?anthropic\.", "", short), short.replace(".", "-"))))


def _match(model: str, table: Mapping[str, Price]) -> str:
    """The longest name in the table that is this model's, but for its date; empty when there is none."""
    return max((name for name in table if model.startswith(name) and _SAME_MODEL.fullmatch(model, len(name))), key=len, default="")


class _Provider(msgspec.Struct, frozen=True):
    date: str
    source: str
    models: dict[str, Price]


@functools.cache
def _table() -> dict[str, Price]:
    providers = msgspec.convert(tomllib.loads(_TABLE.read_text(encoding="utf-8")), dict[str, _Provider])
    return {
        name: msgspec.structs.replace(price, date=price.date or provider.date, source=price.source or provider.source)
        for provider in providers.values()
        for name, price in provider.models.items()
    }
