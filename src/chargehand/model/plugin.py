"""Plugins: commands of a project, or of an installed package, that are run beside a task's work."""

from __future__ import annotations

from typing import Literal

import msgspec

Stage = Literal["pre_start", "post_review", "post_done"]
"""Before the agent starts; when gates and reviewers have spoken; when the task landed or its attempt failed."""

STAGES: tuple[Stage, ...] = ("pre_start", "post_review", "post_done")


class Hook(msgspec.Struct, frozen=True, kw_only=True):
    """What is run at a stage, by a shell. ``blocking``: when it fails the task does not go on."""

    command: str
    run_on: Literal["always", "on_success", "on_failure"] = "always"
    blocking: bool = False


class Plugin(msgspec.Struct, frozen=True, kw_only=True):
    """``folder`` is where its commands run (absolute); empty: the project's root."""

    name: str
    description: str = ""
    version: str = ""
    hooks: dict[Stage, Hook] = {}
    folder: str = ""
