"""A column of the board: its cards in their order, what of them is in view, and the lines they are shown as."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable
from typing import NamedTuple

from rich.segment import Segment

from chargehand.doors.tui.cards import Known, Place, face, order
from chargehand.doors.tui.inks import Inks
from chargehand.doors.tui.lines import Parts, heading
from chargehand.doors.tui.pieces import Piece
from chargehand.doors.tui.roll import scroll_mark
from chargehand.service.boardcards import Card

_KEPT = 400
_Key = tuple[tuple[float, ...], str]
_EMPTY: Parts = (("", ""),)


class _Face(NamedTuple):
    """What was made of a card. It holds as long as its version and its second are those of the card and the column."""

    version: int
    second: int
    parts: tuple[Parts, ...]
    pieces: list[Piece]


class Column:
    """A column of 5,000 cards costs what it shows. Which cards it has, and which is chosen, is told from outside, and so is where
    it is: ``x``, ``width`` (0: not in view) and ``room``, the lines below its heading, all in cells."""

    def __init__(self, place: Place, known: Callable[[Card], Known], inks: Inks) -> None:
        self.place = place
        self.x = self.width = self.room = self.top = 0
        self.chosen = ""
        self.more_left = self.more_right = False
        self._known, self._inks = known, inks
        self._keys: list[_Key] = []
        self._key_of: dict[str, _Key] = {}
        self._cards: dict[str, Card] = {}
        self._faces: dict[str, _Face] = {}
        self._second = 0
        self._head: tuple[tuple[str, bool], Piece] | None = None
        self._blank = Piece([])
        self._barred: dict[int, tuple[Piece, Piece]] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def __contains__(self, name: str) -> bool:
        return name in self._key_of

    # --- its cards -------------------------------------------------------------------------------------------------------------

    def fill(self, cards: Iterable[Card]) -> None:
        """Have these cards and no others."""
        self._cards = {card.id: card for card in cards}
        self._key_of = {card.id: (order(card), card.id) for card in self._cards.values()}
        self._keys = sorted(self._key_of.values())
        self._faces.clear()

    def put(self, card: Card) -> None:
        """Have this card, anew or as it is now."""
        key = (order(card), card.id)
        old = self._key_of.get(card.id)
        self._cards[card.id] = card
        if old == key:
            return
        if old is not None:
            del self._keys[bisect_left(self._keys, old)]
        insort(self._keys, key)
        self._key_of[card.id] = key

    def drop(self, name: str) -> None:
        key = self._key_of.pop(name, None)
        if key is not None:
            del self._keys[bisect_left(self._keys, key)]
            del self._cards[name]
            self._faces.pop(name, None)

    def choose(self, name: str, *, bring: bool = False) -> None:
        """Mark a card as the chosen one, if it is here; ``bring``: into view."""
        name = name if name in self else ""
        if name != self.chosen:
            self._faces.pop(self.chosen, None)
            self._faces.pop(name, None)
            self.chosen = name
        if name and bring:
            first, tall = self.place_of(name) * self.place.tall, min(self.place.tall, self.room)
            self.scroll(max(min(self.top, first), first + tall - self.room))

    def beat(self) -> None:
        """A second went by: the clocks of what is at work go on."""
        if self.place.tall == 5:
            self._second += 1

    def at(self, place: int) -> str:
        """The task at a place from the top, the last one when there are fewer; empty when there is none."""
        return self._keys[max(0, min(place, len(self._keys) - 1))][1] if self._keys else ""

    def place_of(self, name: str) -> int:
        """Raises KeyError when it is not here."""
        return bisect_left(self._keys, self._key_of[name])

    def in_view(self) -> list[Card]:
        first = self.top // self.place.tall
        return [self._cards[name] for _, name in self._keys[first : first + self.room // self.place.tall + 2]]

    # --- its lines -------------------------------------------------------------------------------------------------------------

    def count(self) -> int:
        """How many lines there are."""
        return len(self._keys) * self.place.tall

    @property
    def last_top(self) -> int:
        """How far one can scroll."""
        return max(0, self.count() - self.room)

    def scroll(self, top: int) -> None:
        """Have this line on top, or the nearest one that can be."""
        self.top = max(0, min(top, self.last_top))

    def restyled(self) -> None:
        """The theme or the width is another one: whatever was kept is of no use."""
        self._faces.clear()
        self._barred.clear()
        self._head = None
        self._blank = self._piece(_EMPTY)

    def _piece(self, parts: Parts, ground: str = "") -> Piece:
        """A line whose last cell is empty."""
        return Piece([*self._inks.line(parts, max(0, self.width - 1), ground), Segment(" ", self._inks(""))])

    def lines(self) -> list[Piece]:
        """Its heading and the lines in view. What looks as before is the same object as before."""
        self.scroll(self.top)
        place, skipped = divmod(self.top, self.place.tall)
        body: list[Piece] = []
        while len(body) - skipped < self.room and place < len(self._keys):
            body += self._of(self._keys[place][1])
            place += 1
        body = body[skipped : skipped + self.room]
        body += [self._blank] * (self.room - len(body))
        for number in scroll_mark(self.count(), self.room, self.top):
            body[number] = self._bar(body[number])
        return [self._heading(), *body]

    def _bar(self, piece: Piece) -> Piece:
        """The same with the scroll mark in its last cell."""
        found = self._barred.get(id(piece))
        if found is None or found[0] is not piece:
            if len(self._barred) > _KEPT:
                self._barred.clear()
            found = self._barred[id(piece)] = piece, Piece([*piece.segments[:-1], Segment("▐", self._inks("rule"))])
        return found[1]

    def _heading(self) -> Piece:
        title = f"{self.place.title} ({len(self._keys)})" if self._keys else self.place.title
        key = f"{'‹ ' if self.more_left else ''}{title}{' ›' if self.more_right else ''}", bool(self.chosen)
        if self._head is None or self._head[0] != key:
            self._head = key, self._piece(heading(key[0], self.width - 1, marked=key[1]))
        return self._head[1]

    def _of(self, name: str) -> list[Piece]:
        card = self._cards[name]
        kept = self._faces.get(name)
        if kept is not None and kept.version == card.version and kept.second == self._second:
            return kept.pieces
        if len(self._faces) > _KEPT:
            self._faces.clear()
        ground = "cursor" if name == self.chosen else ""
        parts = face(card, self._known(card), self.width - 1)
        known = dict(zip(kept.parts, kept.pieces, strict=False)) if kept is not None else {}
        pieces = [known.get(part) or self._piece(part, ground) for part in parts]
        pieces += [self._blank] * (self.place.tall - len(parts))
        self._faces[name] = _Face(card.version, self._second, parts, pieces)
        return pieces
