"""Tell a ``tasks.md`` of spec-runner how its tasks stand, and change nothing else in it.

On the meta line only the status word changes, and the emoji before it if there is one (``:shortcodes:`` stay shortcodes; a line
without an emoji gets none; a word in small letters stays small). A task that has the status already keeps its line as it is.
"""

from __future__ import annotations

from chargehand.model.task import FileStatus
from chargehand.spec.formats import Changes
from chargehand.spec.grammar import EMOJI, SHORTCODES, WORDS, status_of
from chargehand.spec.lines import cut_with_ends
from chargehand.spec.report import Report
from chargehand.spec.scan import Block, Scan


def mark(text: str, changes: Changes) -> tuple[str, frozenset[str]]:
    """``text`` with the status of these tasks set and, where asked, their checklists ticked; and the ids that are not in it."""
    bom, lines, ends = cut_with_ends(text)
    pending, missing = set(changes), set()
    for block in Scan(lines, Report("", lines)).blocks() if pending else ():
        if block.id not in pending:
            continue
        pending.remove(block.id)  # the first of that name counts, as it does for the parser
        status, tick = changes[block.id]
        if block.meta is None:
            missing.add(block.id)
            continue
        _set_status(lines, block, status)
        if tick:
            _tick(lines, block)
    whole = "".join([part for pair in zip(lines, ends, strict=True) for part in pair])
    return bom + whole, frozenset(pending | missing)


def _set_status(lines: list[str], block: Block, status: FileStatus) -> None:
    match = block.meta
    assert match is not None
    line, word, old = lines[block.meta_line], match["word"], match["mark"]
    if status_of(word) == status:
        return
    new_word = WORDS[status].lower() if word and word.islower() else WORDS[status]
    start, end = match.span("word") if word else (match.end(), match.end())
    line = line[:start] + new_word + line[end:]
    if old:
        new_mark = SHORTCODES[status] if old.startswith(":") else EMOJI[status]
        line = line[: match.start("mark")] + new_mark + line[match.end("mark") :]
    lines[block.meta_line] = line


def _tick(lines: list[str], block: Block) -> None:
    for box in block.boxes:
        if not box.done:
            n, offset = box.span.line - 1, box.span.column
            lines[n] = lines[n][:offset] + "x" + lines[n][offset + 1 :]
