"""The graph of tasks: as lines of text, as Mermaid, as DOT."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TextIO

from chargehand.doors.cli.render.style import paint
from chargehand.doors.cli.render.tasklist import chain, hours
from chargehand.doors.cli.render.text import console_safe
from chargehand.model.words import spoken

if TYPE_CHECKING:
    from chargehand.service.specoutputs import TaskGraph

_FILLS = {"done": "#d3f2d8", "in_progress": "#d6e9ff", "review": "#d6e9ff", "blocked": "#fff0c2", "todo": "#ffffff"}


def text(told: TaskGraph, out: TextIO) -> None:
    """Every task after what it needs, a line each."""
    needs: dict[str, list[str]] = {}
    for edge in told["edges"]:
        needs.setdefault(edge["task"], []).append(edge["needs"])
    width = max((len(node["id"]) for node in told["tasks"]), default=0)
    for node in told["tasks"]:
        name = f"{node['id']:<{width}}"
        mark = paint(f"* {name}", "yellow", out) if node["critical"] else f"  {name}"
        status = f"[{spoken(node['status'])}]"
        after = paint(f"  <- {', '.join(needs[node['id']])}", "dim", out) if node["id"] in needs else ""
        out.write(f"{mark}  {status:<13} {console_safe(node['title'])}{after}\n")
    if told["critical_path"]:
        out.write(f"* longest chain of work: {hours(told['critical_hours'])}, {chain(told['critical_path'])}\n")


def mermaid(told: TaskGraph, out: TextIO) -> None:
    """A flowchart for Markdown; what is critical has a thick edge."""
    number = {node["id"]: place for place, node in enumerate(told["tasks"])}
    out.write("flowchart LR\n")
    for node in told["tasks"]:
        label = _entities(f"{node['id']}: {console_safe(node['title'])}")
        out.write(f'  n{number[node["id"]]}["{label}"]:::{node["status"]}\n')
    for edge in told["edges"]:
        arrow = "==>" if edge["critical"] else "-->"
        out.write(f"  n{number[edge['needs']]} {arrow} n{number[edge['task']]}\n")
    for status, fill in _FILLS.items():
        out.write(f"  classDef {status} fill:{fill},stroke:#555,color:#111\n")
    critical = [f"n{number[node['id']]}" for node in told["tasks"] if node["critical"]]
    if critical:
        out.write(f"  classDef critical stroke:#d02020,stroke-width:3px\n  class {','.join(critical)} critical\n")


def _entities(label: str) -> str:
    """Everything Mermaid or HTML would take for its own, by its number."""
    return "".join(char if char.isalnum() or char in " .,:()-_/" else f"#{ord(char)};" for char in label)


def dot(told: TaskGraph, out: TextIO) -> None:
    """For Graphviz; what is critical is red and bold."""
    out.write('digraph tasks {\n  rankdir=LR;\n  node [shape=box, style="rounded,filled", fontname="sans-serif"];\n')
    for node in told["tasks"]:
        label = _quoted(f"{node['id']}\n{console_safe(node['title'])}")
        extra = ', color="#d02020", penwidth=3' if node["critical"] else ""
        out.write(f'  {_quoted(node["id"])} [label={label}, fillcolor="{_FILLS[node["status"]]}"{extra}];\n')
    for edge in told["edges"]:
        extra = ' [color="#d02020", penwidth=3]' if edge["critical"] else ""
        out.write(f"  {_quoted(edge['needs'])} -> {_quoted(edge['task'])}{extra};\n")
    out.write("}\n")


def _quoted(label: str) -> str:
    escaped = label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


FORMS: dict[str, Callable[[TaskGraph, TextIO], None]] = {"text": text, "mermaid": mermaid, "dot": dot}
