"""The pure parts of the board: what a card says, which columns are in view, lines of any text in any width, the graph as a tree."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.style import Style

from chargehand.doors.tui import graph
from chargehand.doors.tui.cards import window
from chargehand.doors.tui.details import Tail, said
from chargehand.doors.tui.editor import command
from chargehand.doors.tui.lines import Row, segments, wrapped
from chargehand.doors.tui.words import amount, paid, rough, safe, short
from chargehand.service.boardcards import Card


@given(st.text(), st.integers(1, 60))
def test_a_line_has_its_width_whatever_it_holds(text: str, width: int) -> None:
    made = "".join(part.text for part in segments(((text, ""), ("more", "unknown")), width, lambda _role: Style()))
    assert cell_len(made) == width
    assert not [letter for letter in made if ord(letter) < 32 or 127 <= ord(letter) < 160]


@given(st.text(max_size=300), st.integers(2, 60))
def test_what_is_wrapped_is_all_there_and_fits(text: str, width: int) -> None:
    rows = wrapped(Row(((text, "a"), ("end", "b")), "key"), width)
    assert "".join(part for line in rows for part, _ in line.parts) in {safe(text) + "end", text + "end"}
    assert all(line.key == "key" for line in rows)
    if len(rows) > 1:
        assert all(sum(cell_len(part) for part, _ in line.parts) <= width for line in rows)


@given(st.lists(st.integers(8, 15), min_size=1, max_size=7), st.integers(15, 120), st.data())
def test_the_chosen_column_is_in_view_and_no_room_is_left_unused(needs: list[int], width: int, data: st.DataObject) -> None:
    chosen, first = (data.draw(st.integers(0, len(needs) - 1)) for _ in range(2))
    seen = window(needs, width, chosen, first)
    assert chosen in seen
    assert sum(needs[place] for place in seen) <= width
    for beyond in {seen.start - 1, seen.stop} & set(range(len(needs))):
        assert sum(needs[place] for place in seen) + needs[beyond] > width


@pytest.mark.parametrize(
    ("form", "value", "text"),
    [
        (short, 42.9, "42s"), (short, 151, "2m31s"), (short, 3900, "1h05m"), (short, 273600, "3d04h"), (short, None, "-"),
        (rough, 3, "5s"), (rough, 59, "1m"), (rough, 610, "10m"), (rough, 3910, "1h05m"),
        (paid, 0.12, "$0.12"), (paid, 0.004, "$0.0040"), (paid, 1234.5, "$1,234.50"), (paid, None, "-"),
        (amount, 950, "950"), (amount, 45_200, "45.2K"), (amount, 3_100_000, "3.1M"), (amount, 999_960, "1.0M"),
    ],
)  # fmt: skip
def test_figures(form: Callable[[Any], str], value: float | None, text: str) -> None:
    assert form(value) == text


def card(number: str, *needs: str, state: str = "waiting") -> Card:
    made = Card((number, 0, f"Title {number}", 1, " ".join(needs), "todo", "", 0, None, None, None, 0.0, "", None, "", ""), None)
    made.state = state
    return made


def test_each_task_is_once_in_the_tree_even_on_a_cycle_and_in_a_long_chain() -> None:
    chain = [card(f"T{number}", f"T{number - 1}") for number in range(1, 5000)]
    cards = {one.id: one for one in (card("T0", state="landed"), *chain, card("A", "B"), card("B", "A"), card("C", "T1", "T3"))}
    rows = graph.rows(cards, ["T0", "T1"])
    assert sorted(row.key for row in rows) == sorted(cards)
    assert all(sum(len(text) for text, _ in row.parts) < 120 for row in rows)
    text = {row.key: "".join(part for part, _ in row.parts) for row in rows}
    assert text["T0"] == "✓ T0 ◆ Title T0"
    assert text["C"].endswith("Title C  + T1")  # below T3, which comes later


def test_a_tail_gives_whole_lines_once(tmp_path: Any) -> None:
    file = tmp_path / "stdout.log"
    tail = Tail(file)
    assert tail.more() == []
    file.write_text("one\ntw")
    assert tail.more() == ["one"]
    with file.open("a") as more:
        more.write("o\n\x1b[31mthree\x1b[0m")
    assert tail.more() == ["two"]
    assert tail.more(ended=True) == ["three"]
    assert tail.more(ended=True) == []
    file.write_text("anew\n")  # shorter than before
    assert tail.more() == ["anew"]
    file.write_bytes(b"x" * 600_000 + b"\nlast\n")
    assert tail.more()[-1] == "last"


def test_of_json_a_person_reads_what_was_said() -> None:
    line = said('{"type": "assistant", "message": {"content": [{"type": "text", "text": "Now the\\ntests"}]}, "session": "x"}')
    assert "".join(text for text, _ in line.parts) == "assistant  Now the tests"
    assert said("{not json").parts == (("{not json", ""),)
    assert said('{"usage": {"n": 1}}').parts == (("", "dim"), ('{"usage": {"n": 1}}', "dim"))


@pytest.mark.parametrize(
    ("editor", "words"),
    [
        ("vi", ["vi", "+7", "a b.md"]),
        ("zed -n", ["zed", "-n", "--wait", "a b.md:7"]),
        ("/opt/hx", ["/opt/hx", "a b.md:7"]),
    ],
)
def test_each_editor_is_told_the_line_in_its_way(monkeypatch: pytest.MonkeyPatch, editor: str, words: list[str]) -> None:
    from pathlib import Path

    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", editor)
    assert command(Path("a b.md"), 7) == words
