"""The bundle that comes out of an adaptation: the prior's networks with another head, its card and metrics.

It is made in a folder of its own and copied to the site's when it is whole, so that whatever ends the process leaves it
there wholly or not at all.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from regrade.labeling.adapt.decided import Decided
from regrade.models import golden
from regrade.models.adaptation.adapt import Adapted
from regrade.models.adaptation.head_file import with_head
from regrade.models.grader import Grader
from regrade.models.promise.held_out import FILE as HELD_OUT
from regrade.models.promise.held_out import HeldOut, together
from regrade.models.registry.bundle import DEFINITION, PRECISIONS, ROUTER, Bundle, load_bundle
from regrade.models.registry.changes import install
from regrade.models.registry.files import NewDetector, complete, install_bundle, point, write_bundle
from regrade.models.registry.store import BundleStore

ADAPTED: Final = "adapted"
"""In a bundle's metrics: where its head comes from."""
FIGURES: Final = (
    ("macro_f1", "Macro-F1"),
    ("accuracy", "accuracy"),
    ("log_loss", "log-loss"),
    ("money", "money lost an item"),
)


@dataclass(frozen=True, slots=True)
class Origin:
    """What a candidate is made of: the `prior` whose head was moved, the `active` bundle it was judged against, the
    `decided` photos, and the currency of its money."""

    prior: Bundle
    active: Bundle
    decided: Decided
    currency: str | None

    @property
    def version(self) -> str:
        """The same decisions on the same prior make the same version, however often they are taken up."""
        return f"{self.prior.version[:40]}-site.{self.decided.version}"


def adapted_from(bundle: Bundle) -> Mapping[str, Any] | None:
    """What `bundle` says of how it was adapted; None for one that was trained."""
    found = bundle.metrics.get(ADAPTED)
    return found if isinstance(found, Mapping) else None


def install_candidate(store: BundleStore, scratch: Path, origin: Origin, made: Adapted) -> Path:
    """Install the bundle, not active, in the site's folder of `store`; returns its folder. `scratch` is a folder on the
    same disk. Raises `BundleError`."""
    prior, version = origin.prior, origin.version
    with TemporaryDirectory(prefix="candidate.", dir=scratch) as folder:
        root = Path(folder)
        written = write_bundle(
            root,
            prior.category,
            version,
            files={
                "head.onnx": with_head(prior.head_path.read_bytes(), made.head),
                "calibration.json": _json(made.calibration.to_json()),
                "metrics.json": _json({**prior.metrics, ADAPTED: note(origin, made)}),
                "card.md": card(origin, made).encode(),
                **_definition(prior),
                HELD_OUT: _json(looked_at(origin, made).to_json()),
            },
            backbones={precision: prior.backbone_path(precision).read_bytes() for precision in prior.backbones},
            labels=prior.labels,
            defects=prior.defects,
            input_side=prior.input_side,
            detector=NewDetector.of(prior),
        )
        _add_golden(store, root, written, prior)
        return install(store, root, prior.category, version)


def looked_at(origin: Origin, made: Adapted) -> HeldOut:
    """What promises rest on: blind looks alone, and where the prior's head stayed, what that was judged on."""
    before = origin.prior.held_out
    if made.choice.kept and before is not None:
        return together(before, made.looks, origin.version)
    return replace(made.looks, version=origin.version)


def note(origin: Origin, made: Adapted) -> dict[str, Any]:
    """What goes into the bundle's metrics."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "prior": {"version": origin.prior.version, "manifest_sha256": origin.prior.sha256},
        "judged_against": {"version": origin.active.version, "manifest_sha256": origin.active.sha256},
        "dataset": origin.decided.version,
        "photos": len(origin.decided.records),
        "currency": origin.currency,
        "fitted_until": datetime.fromtimestamp(made.fitted_until, UTC).isoformat(),
        **made.to_json(),
    }


def card(origin: Origin, made: Adapted) -> str:
    """The prior's card, below where the head comes from and how it was judged."""
    prior, active, judged = origin.prior, origin.active, made.judgement
    rows = [
        f"| {title}{f' ({origin.currency})' if name == 'money' and origin.currency else ''} | {judged.new[name]} | "
        f"{judged.old[name]} | {judged.difference[name].value:+.3f} [{judged.difference[name].low:+.3f}, "
        f"{judged.difference[name].high:+.3f}] |"
        for name, title in FIGURES
        if name in judged.new
    ]
    votes = (
        "blind votes alone"
        if made.judged_by == "blind"
        else "all votes, since too few are blind: whoever saw the model's word was drawn to it, which flatters the "
        "bundle that gave it"
    )
    promise = made.calibration.selective
    automatic = (
        f"**Nothing is graded automatically**: {promise.note}"
        if promise.threshold is None
        else f"Graded automatically from a confidence of {promise.threshold:.3f} on ({promise.note})."
    )
    closer = (
        " Parts of photos and the detector, where the bundle has them, were left out of this comparison."
        if prior.calibration.parts is not None or prior.calibration.detector is not None
        else ""
    )
    _, _, rest = prior.card.partition("\n")
    return "\n".join(
        [
            f"# {prior.category} {origin.version}",
            "",
            f"The networks of {prior.version} (manifest SHA-256 {prior.sha256[:12]}…) with its head adapted to what "
            f"this site's reviewers decided: {made.fitted_groups} items, dataset version {origin.decided.version}. "
            f"Decisions that were not blind went into the fit alone; promises rest on the {made.blind_groups} items "
            f"with a blind one. {automatic}",
            "",
            f"Judged on the newest {made.judged_groups} items, which it was not fitted to, by {votes}:{closer}",
            "",
            f"| 95% intervals over items | this | {active.version}, active then | difference |",
            "|---|---|---|---|",
            *rows,
            "",
            f"{made.learning.limit[:1].upper()}{made.learning.limit[1:]}.",
            "",
            f"**All that follows was measured with {prior.version}.**",
            rest,
        ]
    )


def _definition(prior: Bundle) -> dict[str, bytes]:
    path = prior.folder / DEFINITION
    return {DEFINITION: path.read_bytes()} if path.is_file() else {}


def _add_golden(store: BundleStore, root: Path, written: Path, prior: Bundle) -> None:
    """Add what the candidate makes of the golden photos, in the precisions that its prior says it of."""
    precisions = [one for one in PRECISIONS if golden.stored(prior, one)]
    if not precisions:
        return
    router = store.load(ROUTER)
    install_bundle(router.folder.parents[1], root, ROUTER, router.version)
    for category, version in ((ROUTER, router.version), (prior.category, written.name)):
        point(root, category, version, before=None)
    entries: dict[str, dict[str, Any]] = {}
    for precision in precisions:
        for photo, by_bundle in golden.outputs(Grader.load(root, precision=precision), [prior.category]).items():
            entries.setdefault(precision, {})[photo] = by_bundle[prior.category].to_json()
    complete(written, {golden.FILE: _json(entries)})
    load_bundle(root, prior.category, written.name)


def _json(document: Mapping[str, Any]) -> bytes:
    return (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode()
