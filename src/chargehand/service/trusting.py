"""The user looks at what a repository tells agents, and agrees to it, or not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from chargehand.service import plugins, settings, trust, widening
from chargehand.service.project import Project
from chargehand.service.setupoutputs import Trust, TrustObject, WorkspaceObject


def find(project: Project, environ: Mapping[str, str], user_file: Path) -> Trust:
    """What there is to be trusted: settings for agents in the last commit of the checkout, plugins, settings of the project that
    allow more than the user's. Raises ConfigProblem when settings cannot be used at all."""
    loaded = settings.load(project, {}, environ, user_file, trusting=True)
    trusted = loaded.config.trust if "trust" not in loaded.widened else []
    commit, workspace = _workspace(project, trusted)
    hash_ = widening.fingerprint(loaded.widened)
    return {
        "schema_version": 1,
        "commit": commit,
        "file": str(user_file),
        "added": [],
        "workspace": workspace,
        "settings": {"hash": hash_, "trusted": hash_ in trusted, "values": loaded.widened} if hash_ else None,
        "plugins": _plugins(project, trusted),
    }


def _plugins(project: Project, trusted: list[str]) -> TrustObject | None:
    """The commands the project wants run beside its tasks, as they lie in the checkout."""
    found = plugins.in_project(project.root)
    if not found.plugins:
        return None
    return {
        "hash": found.hash,
        "trusted": found.hash in trusted,
        "files": [{"path": path, "sha256": sha256} for path, sha256 in found.files],
        "links": list(found.links),
    }


def agree(found: Trust, user_file: Path) -> Trust:
    """Trust all that was found. Raises ConfigProblem or OSError when the user's settings cannot be changed."""
    workspace, wider, own = found["workspace"], found["settings"], found["plugins"]
    added = [each["hash"] for each in (workspace, wider, own) if each and each["hash"] and not each["trusted"]]
    if added:
        trust.remember(user_file, added)
    if workspace:
        workspace = {**workspace, "trusted": bool(workspace["hash"])}
    if own:
        own = {**own, "trusted": bool(own["hash"])}
    wider = {**wider, "trusted": True} if wider else None
    return {**found, "added": added, "workspace": workspace, "settings": wider, "plugins": own}


def _workspace(project: Project, trusted: list[str]) -> tuple[str, WorkspaceObject | None]:
    """The commit that is looked at, and the settings for agents in it."""
    git_dir, commit, found, agreed, before = trust.standing(project.root, trusted)
    if not found.files:
        return commit, None
    return commit, {
        "hash": found.hash,
        "trusted": agreed,
        "files": [{"path": path, "sha256": sha256} for path, sha256 in found.files],
        "links": list(found.links),
        "before": before,
        "diff": trust.changes(git_dir, before, commit) if before else "",
    }
