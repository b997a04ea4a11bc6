"""What `doctor` looks at for a service: who moderates, and whether its folder can be written."""

from __future__ import annotations

import os
import shutil
from typing import Any, cast

from lipwright import plugins
from lipwright.config import ServiceSettings
from lipwright.core.errors import InvalidOption, LipwrightError
from lipwright.service import Check
from lipwright.service.moderate import moderator_options


def hosted_checks(settings: ServiceSettings) -> list[Check]:
    """Raises nothing: what would keep a service from working is a Check that is not well."""
    return [*_moderation(settings), _folder(settings), _children()]


def _moderation(settings: ServiceSettings) -> list[Check]:
    chosen = settings.moderator
    found = [Check("moderation", "chosen", chosen or "nobody: results are not looked at (LIPWRIGHT_MODERATOR)")]
    names = plugins.moderator_names()
    if chosen and chosen not in names:
        found.append(Check("moderation", chosen, f"there is no such moderator; there are: {', '.join(names)}", False))
    for name in names:
        try:
            kind = cast("Any", plugins.load_moderator(name))
            lack = kind.missing()
            if name == chosen and lack is None:
                kind(moderator_options(settings))
        except InvalidOption as exc:
            found.append(Check("moderation", name, exc.reason, name != chosen))
            continue
        found.append(
            Check("moderation", name, lack or f"there; licence: {kind.licence}", lack is None or name != chosen)
        )
    return found


def _folder(settings: ServiceSettings) -> Check:
    try:
        folder = settings.folder
    except InvalidOption as exc:
        return Check("service", "data folder", str(exc), False)
    # it is made at the first start: what counts is the nearest folder that is there already
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        return Check("service", "data folder", f"{folder}: {there} cannot be written (LIPWRIGHT_DATA)", False)
    return Check("service", "data folder", f"{folder}, {shutil.disk_usage(there).free / 1e9:.1f} GB free")


def _children() -> Check:
    """Whether a child process with limits can be started here, which every upload and every job needs."""
    from lipwright import sandbox

    limits = sandbox.Limits(cpu_s=20, wall_s=60, memory_bytes=1 << 30, file_bytes=0)
    try:
        sandbox.call("lipwright.service.hosted_checks:nothing", {}, limits=limits)
    except LipwrightError as exc:
        return Check("service", "child processes", str(exc), False)
    return Check("service", "child processes", "start, with limits")


def nothing(_arguments: dict[str, Any], _tell: object) -> dict[str, Any]:
    """Run in a child."""
    return {}
