"""Our names for things in the words of those who read them."""

from __future__ import annotations


def spoken(state: str) -> str:
    """A state, or an outcome, in the words of people: ``needs_human`` is ``needs you``, for it is they who read it."""
    return "needs you" if state == "needs_human" else state.replace("_", " ")


def standing(state: str) -> str:
    """The same as the end of a sentence about a task: ``is ready``, ``needs you``."""
    said = spoken(state)
    return said if said.startswith("needs ") else f"is {said}"
