"""Text of unknown origin stays data."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from chargehand.brief.text import LONGEST_RUN, code, fence, head, inline, plain, quote, shares, tail

nasty = st.text(alphabet=st.one_of(st.sampled_from("`~>\n\r\t #-\x1b[]\x07\x00\x85\u2028\ud800"), st.characters()), max_size=200)


@given(nasty)
def test_a_fence_cannot_be_broken_out_of(text: str) -> None:
    [token] = MarkdownIt("commonmark").parse(fence(text))
    assert (token.type, token.info) == ("fence", "text")
    assert token.content.removesuffix("\n") == plain(text).strip("\n")


def test_a_run_of_backticks_has_a_bound() -> None:
    made = fence("a\n" + "`" * 5000 + "\nb")
    [token] = MarkdownIt("commonmark").parse(made)
    assert token.content.split() == ["a", "`" * LONGEST_RUN, "b"]


@given(nasty)
def test_nothing_reaches_out_of_a_quote(text: str) -> None:
    made = quote(text)
    assert all(line.startswith(">") for line in re.split(r"\r\n|\r|\n", made))
    assert [line[1:].strip() for line in made.split("\n")] == [line.strip() for line in plain(text).strip("\n").split("\n")]
    tokens = MarkdownIt("commonmark").parse(f"{made}\n\n## after")
    assert [token.type for token in tokens if token.level == 0] == [
        "blockquote_open",
        "blockquote_close",
        "heading_open",
        "heading_close",
    ]


@given(nasty)
def test_a_code_span_ends_where_it_should(text: str) -> None:
    [_, paragraph, _] = MarkdownIt("commonmark").parse(f"a {code(text)} b")
    assert paragraph.children
    [before, span, after] = paragraph.children
    assert (before.content, span.type, after.content) == ("a ", "code_inline", " b")
    assert span.content.strip() == inline(text)


@given(nasty, st.integers(3, 50))
def test_inline_is_one_short_line(text: str, limit: int) -> None:
    made = inline(text, limit)
    assert len(made) <= limit
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\ud800-\udfff]", made)


@given(nasty)
def test_plain_can_be_written_to_any_file_and_is_stable(text: str) -> None:
    once = plain(text)
    once.encode()
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", once)
    assert plain(once) == once


def test_plain_knows_the_language_of_terminals() -> None:
    assert plain("\x1b[1;31mred\x1b[0m \x1b]8;;http://x\x1b\\link\x1b]8;;\x07 \x1b(Bend\x1b[2K") == "red link end"
    assert plain("a\x1b]0;no end\nb") == "a\nb"
    assert plain("\u202eabc\u2066") == "abc"
    assert plain("one\r\ntwo\rthree\tfour") == "one\ntwo\nthree\tfour"
    assert plain("naïve 日本 👩‍💻") == "naïve 日本 👩‍💻"


@given(st.text(alphabet="ab\n", max_size=100), st.integers(-5, 120))
def test_cuts_keep_an_end_and_say_so(text: str, room: int) -> None:
    first, last = head(text, room, "see x"), tail(text, room)
    if len(text) <= room:
        assert first == last == text
        return
    kept = first.rpartition("\n\n[cut: ")[0]
    assert text.startswith(kept)
    assert len(kept) <= max(room, 0)
    assert f"{len(kept)} of {len(text)} characters" in first
    assert "see x" in first
    kept = last.partition("]\n\n")[2]
    assert text.endswith(kept)
    assert len(kept) <= max(room, 0)


@given(st.lists(st.integers(0, 1000), max_size=8), st.integers(-10, 4000))
def test_shares_are_fair(wanted: list[int], room: int) -> None:
    given_ = shares(wanted, room)
    assert sum(given_) <= max(room, 0)
    assert all(0 <= got <= want for got, want in zip(given_, wanted, strict=True))
    if sum(wanted) <= room:
        assert given_ == wanted
    short = [got for got, want in zip(given_, wanted, strict=True) if got < want]
    assert not short or max(given_) <= min(short) + len(wanted)
