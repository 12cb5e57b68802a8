"""chargehand: hand it a spec; a crew of coding agents hands back landed code.

As a library: ``from chargehand import load_spec, ready_tasks``.
"""

__version__ = "0.1.0"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from chargehand.service.library import load_spec as load_spec
    from chargehand.service.library import ready_tasks as ready_tasks


def __getattr__(name: str) -> object:
    """The library's functions, imported when they are asked for: commands must start quickly."""
    if name in {"load_spec", "ready_tasks"}:
        from chargehand.service import library

        return getattr(library, name)
    raise AttributeError(f"module 'chargehand' has no attribute {name!r}")
