"""What each kind of text looks like, in whatever theme is on. Meaning is never told by colour alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.style import Style

if TYPE_CHECKING:
    from textual.app import App

THEMES = ("textual-dark", "textual-light", "nord", "gruvbox", "dracula", "solarized-light", "ansi-dark", "ansi-light")
"""Those that the key goes through. The last two have the terminal's own sixteen colours."""

_COLOURS = {
    "ok": "success",
    "bad": "error",
    "warn": "warning",
    "work": "accent",
    "head": "primary",
    "p0": "error",
    "p1": "warning",
    "add": "success",
    "remove": "error",
    "hunk": "accent",
    "key": "accent",
}
_BOLD = frozenset({"head", "p0", "key", "bad"})
_cache: dict[str, Mapping[str, Style]] = {}


def roles(app: App[Any]) -> Mapping[str, Style]:
    """The styles of the current theme, by role."""
    found = _cache.get(app.theme)
    if found is None:
        found = _cache[app.theme] = _sixteen() if app.current_theme.ansi else _made(app.get_css_variables())
    return found


def _made(variables: Mapping[str, str]) -> Mapping[str, Style]:
    from textual.color import Color

    colours = {name: Color.parse(variables[name]) for name in {*_COLOURS.values(), "foreground", "background"}}
    ground = colours["background"]
    if ground.brightness > 0.5:  # these are made for dark ones
        colours |= {name: colours[name].blend(colours["foreground"], 0.35) for name in _COLOURS.values()}
    faint = colours["foreground"].blend(ground, 0.4).hex6
    return {
        **_PLAIN,
        **{role: Style(color=colours[name].hex6, bold=role in _BOLD or None) for role, name in _COLOURS.items()},
        "ground": Style(color=colours["foreground"].hex6, bgcolor=ground.hex6),
        "dim": Style(color=faint),
        "p3": Style(color=faint),
        "rule": Style(color=colours["foreground"].blend(ground, 0.65).hex6),
        "cursor": Style(bgcolor=ground.blend(Color.parse(variables["primary"]), 0.25).hex6),
    }


def _sixteen() -> Mapping[str, Style]:
    found = {role: Style(color=_SIXTEEN[name], bold=role in _BOLD or None) for role, name in _COLOURS.items()}
    faint = Style(dim=True)
    rest = {"ground": Style(), "dim": faint, "rule": faint, "p3": faint, "cursor": Style(reverse=True)}
    return {**_PLAIN, **found, **rest}


_PLAIN = {"": Style(), "bold": Style(bold=True), "p2": Style(), "tab": Style(reverse=True, bold=True)}
_SIXTEEN = {"success": "green", "error": "red", "warning": "yellow", "accent": "cyan", "primary": "blue"}
