"""What most verbs begin with: the project they are about, its settings, its spec."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from chargehand.model.errors import UsageProblem
from chargehand.service.project import Project, find

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from chargehand.service.settings import Settings


def project(args: argparse.Namespace) -> Project:
    """The project of ``--project``, or the one the working directory lies in."""
    start = Path(args.project)
    if not start.is_dir():
        raise UsageProblem(f"there is no folder {args.project}")
    return find(start)


def settings(args: argparse.Namespace, here: Project) -> Settings:
    """All layers merged; flags of this command line are those of FLAGS it has."""
    from chargehand.service.settings import load, user_file

    flags: dict[str, Any] = {name: getattr(args, name) for name in FLAGS if getattr(args, name, None) is not None}
    if getattr(args, "budget", None) is not None:
        flags["budget"] = {"run_usd": args.budget}
    if getattr(args, "hitl", False):
        flags["approval"] = {"tasks": "all"}
    if getattr(args, "notify", None) is not None:
        flags["notify"] = {"when": args.notify}
    review = {name: True for name in ("independent", "commit") if getattr(args, name, False)}
    if review:
        flags["review"] = review
    return load(here, flags, os.environ, user_file())


FLAGS = ("jobs", "agent", "spec", "format", "target", "workspace", "evidence", "landing", "integration", "cage", "record", "replay")


def setting_flags(parser: argparse.ArgumentParser) -> None:
    """The settings that a command line may overrule."""
    group = parser.add_argument_group("settings for this time")
    group.add_argument("--jobs", "-j", type=int, metavar="N", help="how many tasks at once")
    group.add_argument("--agent", metavar="NAME", help="the agent to use, a table [agents.NAME]")
    group.add_argument("--budget", type=float, metavar="USD", help="what the run may cost, [budget] run_usd")
    group.add_argument("--spec", metavar="FILE", help="the spec to read")
    group.add_argument("--format", metavar="NAME", help="the format of the spec, where it cannot be told")
    group.add_argument("--target", metavar="BRANCH", help="the branch to land on")
    group.add_argument("--landing", choices=["squash", "merge"], help="one commit per task, or a merge of what the agent committed")
    group.add_argument(
        "--integration", choices=["target", "branch", "pr"], help="land on the target, or on a branch of the run's own"
    )
    group.add_argument("--workspace", choices=["clone", "worktree", "in-place"], help="where agents work")
    group.add_argument("--cage", choices=["auto", "bwrap", "container", "none"], help="what keeps agents and gates in")
    group.add_argument("--record", metavar="FILE", help="keep what models answer in FILE, a cassette")
    group.add_argument("--replay", metavar="FILE", help="answer from a cassette, without a network")
    group.add_argument("--hitl", action="store_true", help="a person must approve every change, [approval] tasks")
    group.add_argument("--evidence", choices=["commit", "exit"], help="what proves a task done")
