"""What an engineer does with bundles, by the API or at the page of models, each with its line in the audit trail."""

from regrade.models.grader import Grader
from regrade.models.registry import changes as registry
from regrade.models.registry import trials
from regrade.models.registry.trials import Trial
from regrade.serving.access.keys import ApiKey
from regrade.serving.base.errors import NotFoundError
from regrade.serving.base.i18n import Message
from regrade.serving.candidates.steps import note
from regrade.serving.runtime import Runtime


async def activate(runtime: Runtime, category: str, version: str, key: ApiKey, reason: str) -> Grader:
    """Grade items of `category` with `version` from now on; errors as of `Graders.activate`."""
    store = runtime.graders.store
    runtime.disk.refuse(await runtime.call(registry.bytes_to_activate, store, category, version))
    before = runtime.grader.versions.get(category)
    grader = await runtime.graders.activate(category, version, by=_who(key), reason=reason)
    if before != version:
        detail = {"category": category, "before": before, "version": version, "reason": reason}
        await runtime.call(note, runtime.database, key, "activate", detail)
    return grader


async def try_out(runtime: Runtime, category: str, version: str, key: ApiKey, reason: str = "") -> Trial:
    """Put `version` in shadow; errors as of `Graders.try_out`."""
    store = runtime.graders.store
    runtime.disk.refuse(await runtime.call(registry.bytes_to_activate, store, category, version))
    begun = await runtime.graders.try_out(category, version, by=_who(key), reason=reason)
    if begun is not None:
        detail = {"category": category, "version": version, "active": begun.active, "reason": reason}
        await runtime.call(note, runtime.database, key, "shadow", detail)
        return begun
    there = await runtime.call(trials.trial_of, store, category)
    assert there is not None
    return there


async def end_trial(runtime: Runtime, category: str, key: ApiKey) -> None:
    """End the trial of `category`, where there is one. Raises `NotFoundError` for a category that does not grade."""
    if category not in runtime.grader.categories:
        known = ", ".join(runtime.grader.categories)
        raise NotFoundError(Message("problem.no_category", {"category": category, "known": known}))
    ended = await runtime.graders.end_trial(category)
    if ended is not None:
        detail = {"category": category, "version": ended.version, "ended": ended.phase}
        await runtime.call(note, runtime.database, key, "shadow", detail)


def _who(key: ApiKey) -> str:
    return f"{key.name} ({key.id})"
