"""The columns of the board. A column of 5,000 cards costs what it shows."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable

from textual import events
from textual.message import Message
from textual.strip import Strip

from chargehand.doors.tui.cards import Known, Place, face, order
from chargehand.doors.tui.roll import Roll
from chargehand.service.boardcards import Card

_KEPT = 400
_Key = tuple[tuple[float, ...], str]


class Column(Roll):
    """One column. Which cards it has, and which is chosen, is told from outside; changes are shown with :meth:`settle`."""

    class Picked(Message):
        """A card was clicked on; ``opened``: twice."""

        def __init__(self, name: str, opened: bool) -> None:
            super().__init__()
            self.name, self.opened = name, opened

    def __init__(self, place: Place, known: Callable[[Card], Known]) -> None:
        super().__init__()
        self.place = place
        self.heading = place.title
        self._known = known
        self._keys: list[_Key] = []
        self._key_of: dict[str, _Key] = {}
        self._cards: dict[str, Card] = {}
        self._made: dict[str, tuple[int, list[Strip]]] = {}
        self._moved = False
        self._changed: set[str] = set()
        self.chosen = ""
        self.width_now = 0
        self.more_left = self.more_right = False

    def __len__(self) -> int:
        return len(self._keys)

    def fill(self, cards: Iterable[Card]) -> None:
        """Have these cards and no others."""
        self._cards = {card.id: card for card in cards}
        self._key_of = {card.id: (order(card), card.id) for card in self._cards.values()}
        self._keys = sorted(self._key_of.values())
        self._made.clear()
        self._moved = True

    def put(self, card: Card) -> None:
        """Have this card, anew or as it is now."""
        key = (order(card), card.id)
        old = self._key_of.get(card.id)
        self._cards[card.id] = card
        self._changed.add(card.id)
        if old == key:
            return
        if old is not None:
            del self._keys[bisect_left(self._keys, old)]
        insort(self._keys, key)
        self._key_of[card.id] = key
        self._moved = True

    def drop(self, name: str) -> None:
        key = self._key_of.pop(name, None)
        if key is not None:
            del self._keys[bisect_left(self._keys, key)]
            del self._cards[name]
            self._made.pop(name, None)
            self._moved = True

    def choose(self, name: str, *, bring: bool = False) -> None:
        """Mark a card as the chosen one, if it is here; ``bring``: into view."""
        name = name if name in self._key_of else ""
        if name != self.chosen:
            for one in (self.chosen, name):
                self._made.pop(one, None)
                self._changed.add(one)
            self.chosen = name
            self._moved = self._moved or self.marked != bool(name)
            self.marked = bool(name)
        if name and bring:
            self.bring(self.place_of(name) * self.place.tall, self.place.tall)

    def settle(self) -> None:
        """Show what was changed since the last time."""
        if self._moved:
            title = f"{self.place.title} ({len(self._keys)})" if self._keys else self.place.title
            self.heading = f"{'‹ ' if self.more_left else ''}{title}{' ›' if self.more_right else ''}"
            self.resized()
        else:
            for name in self._changed & self._key_of.keys():
                self.touch(self.place_of(name) * self.place.tall, self.place.tall)
        self._moved = False
        self._changed.clear()

    def hint(self, left: bool, right: bool) -> None:
        """There are columns beside it that are not in view."""
        if (left, right) != (self.more_left, self.more_right):
            self.more_left, self.more_right, self._moved = left, right, True
            self.settle()

    def beat(self) -> None:
        """A second went by: the clocks of what is at work go on."""
        if self.place.tall == 5 and self._keys:
            self._made.clear()
            self.refresh()

    def at(self, place: int) -> str:
        """The task at a place from the top, the last one when there are fewer; empty when there is none."""
        return self._keys[max(0, min(place, len(self._keys) - 1))][1] if self._keys else ""

    def place_of(self, name: str) -> int:
        """Raises KeyError when it is not here."""
        return bisect_left(self._keys, self._key_of[name])

    def in_view(self) -> list[Card]:
        first = self.top // self.place.tall
        return [self._cards[name] for _, name in self._keys[first : first + self.room // self.place.tall + 2]]

    def count(self) -> int:
        return len(self._keys) * self.place.tall

    def line(self, number: int) -> Strip:
        place, line = divmod(number, self.place.tall)
        name = self._keys[place][1]
        card = self._cards[name]
        kept = self._made.get(name)
        if kept is None or kept[0] != card.version:
            if len(self._made) > _KEPT:
                self._made.clear()
            kept = self._made[name] = (card.version, self._make(card))
        return kept[1][line]

    def restyled(self) -> None:
        self._made.clear()

    def _make(self, card: Card) -> list[Strip]:
        width = self.size.width
        ground = "cursor" if card.id == self.chosen else ""
        lines = face(card, self._known(card), width - 1)
        made = [self.made(parts, width, ground) for parts in lines]
        return made + [self.blank(width)] * (self.place.tall - len(made))

    def on_click(self, event: events.Click) -> None:
        number = self.number_at(event)
        if number is not None:
            self.post_message(self.Picked(self._keys[number // self.place.tall][1], event.chain > 1))
