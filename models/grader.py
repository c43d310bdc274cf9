"""The grader: checked photos of one item → condition, defects and a calibrated confidence.

    grader = Grader.load()
    result = grader.grade([open_photo(path.read_bytes())], category="toys")

`look` is the costly step and concerns one photo, so that a server can run photos of one item side by side;
`conclude` is cheap and fuses what was seen. `grade` does both.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regrade.models.category.schema import Category
from regrade.models.errors import BundleError, UnknownCategoryError
from regrade.models.fusion import fuse, mean_probabilities
from regrade.models.heads import Head, load_detector
from regrade.models.networks.arithmetic import Arithmetic, arithmetic_for
from regrade.models.networks.detector import Detection, Detector
from regrade.models.networks.runtime import Model, as_float
from regrade.models.photo_evidence import PhotoEvidence, Seen, detected, examination, mapped, see, stacked
from regrade.models.photos.parts import working_side
from regrade.models.photos.preprocess import model_input, reduced
from regrade.models.photos.quality import MEASURED_SIDE, QualityLimits, assess
from regrade.models.promise.held_out import HeldOut
from regrade.models.registry.bundle import DETECTOR_PRECISION, PRECISIONS, ROUTER, Bundle
from regrade.models.registry.store import BundleStore, store_of
from regrade.models.types import CategoryCall, Comparison, Defect, Examination, Grade, ItemResult, Photo


@dataclass(frozen=True, slots=True)
class BundleInfo:
    """What can be told of a bundle without running it."""

    category: str
    version: str
    active: bool
    conditions: tuple[str, ...]
    defect_types: tuple[str, ...]
    metrics: Mapping[str, Any]
    card: str
    auto_threshold: float | None


class Grader:
    """Grades items with the active bundles of a store. Immutable and thread-safe once loaded."""

    def __init__(
        self,
        store: BundleStore,
        heads: Mapping[str, Head],
        backbones: Mapping[str, Model],
        detectors: Mapping[str, Detector],
        quality: QualityLimits,
        arithmetic: Arithmetic,
    ) -> None:
        self.store = store
        self.arithmetic = arithmetic
        self.golden: Comparison | None = None
        """How the golden photos came out, where they were looked at (`regrade.models.golden`)."""
        self._heads = heads
        self._backbones = backbones
        self._detectors = detectors
        self._quality = quality
        self._sides = {h.backbone: h.bundle.input_side for h in heads.values()}
        parts = [(h.bundle.input_side, h.bundle.calibration.parts) for h in heads.values()]
        sides = (
            MEASURED_SIDE,
            *self._sides.values(),
            *(d.side for d in detectors.values()),
            *(working_side(side, one.share) for side, one in parts if one is not None),
        )
        self.working_side = max(sides)
        """The long side, in pixels, that photos should be decoded for (`IntakeLimits.working_side`)."""
        self.categories = tuple(sorted(name for name in heads if name != ROUTER))
        self.definitions: Mapping[str, Category] = store.definitions(self.versions)
        """What is known of each category: what the bundle that grades it was sealed with."""
        tables = {name: head.bundle.held_out for name, head in heads.items()}
        self.held_out: Mapping[str, HeldOut] = {name: table for name, table in tables.items() if table is not None}
        """What promises rest on, by category, as far as its bundle carries a table."""

    @classmethod
    def load(
        cls,
        where: Path | BundleStore | None = None,
        *,
        precision: str = "int8",
        quality: QualityLimits | None = None,
        versions: Mapping[str, str] | None = None,
        reuse: "Grader | None" = None,
    ) -> "Grader":
        """Load the active bundle of every category in `where`: a store, a plain folder, or None for the shipped ones.

        `precision` is `int8` or `fp32`; where this CPU cannot add INT8 products exactly, FP32 runs in any case, and
        `arithmetic` says so. `versions` maps a category to the version to load in place of its active one.
        Networks that `reuse` has are shared with it, by their hashes, and not loaded again; nor are its bundles, where
        `versions` asks for the same ones.
        Raises `BundleError` if a file is missing or is not what its manifest says.
        """
        if precision not in PRECISIONS:
            raise BundleError(f"Unknown precision {precision!r}. Use one of: {', '.join(PRECISIONS)}.")
        arithmetic = arithmetic_for(precision)
        precision = arithmetic.precision
        widen = None if arithmetic.kernels == "u8u8" else False
        store = store_of(where)
        asked = versions or {}
        names = sorted({*store.categories(), *asked} - {ROUTER})
        if not names:
            raise BundleError(f"No category is active under {store}. Train one with `regrade train all`.")
        heads: dict[str, Head] = {}
        backbones: dict[str, Model] = {}
        detectors: dict[str, Detector] = {}
        loaded = {} if reuse is None else reuse._backbones
        for name in (ROUTER, *names):
            old = None if reuse is None else reuse._heads.get(name)
            kept = old is not None and old.bundle.version == asked.get(name)
            bundle = old.bundle if old is not None and kept else store.load(name, asked.get(name))
            path = bundle.backbone_path(precision)
            digest = bundle.backbones[precision]
            if digest not in backbones:
                backbones[digest] = loaded.get(digest) or Model(path, widen=widen)
            known = {} if reuse is None else reuse._detectors
            detector = load_detector(bundle, detectors, known)
            same = old is not None and old.bundle == bundle  # bundles are immutable: the folder tells
            head = old.model if old is not None and same else Model(bundle.head_path)
            heads[name] = Head(bundle, head, digest, detector)
        made = arithmetic.of(list(backbones.values()))
        return cls(store, heads, backbones, detectors, quality or QualityLimits(), made)

    def look(self, photo: Photo, category: str | None = None) -> PhotoEvidence:
        """Gate one photo and run the networks on it: those that a `category` declared for the item needs, or all of
        them when None. A photo that fails the gate is not looked at further; what is costly (parts, a detector that
        only boxes) is done where the whole photo leaves it open.

        Raises `UnknownCategoryError` for a category without a bundle.
        """
        needed = self._heads.values() if category is None else (self._heads[ROUTER], self._head(category))
        started = time.perf_counter()
        # Gate and detector want the same size; resampling twice would cost as much as the gate itself.
        small = reduced(photo.rgb, self.working_side)
        quality = assess(replace(photo, rgb=small), self._quality)
        gated = time.perf_counter()
        steps = {"gate": gated - started}
        seen: dict[str, Seen] = {}
        parts: dict[tuple[str, float], Seen] = {}
        found: dict[str, tuple[Detection, ...]] = {}
        if quality.ok:
            for digest in dict.fromkeys(head.backbone for head in needed):
                pixels = model_input(photo.rgb, self._sides[digest])[np.newaxis]
                seen[digest] = see(self._backbones[digest], pixels)
            closer = self._looked_closer_at(needed, seen, category)
            for head, whole in closer:
                parts |= head.see_parts(photo, whole, self._backbones[head.backbone], parts)
            classified = time.perf_counter()
            steps["classify"] = classified - gated
            for digest in dict.fromkeys(h.detector for h, whole in closer if h.detector and h.asks_detector(whole)):
                found[digest] = self._detectors[digest].detect(small, photo.width, photo.height)
                steps["detect"] = time.perf_counter() - classified
        timings = {name: seconds * 1000 for name, seconds in steps.items()}
        return PhotoEvidence(photo.index, photo.width, photo.height, quality, seen, timings, found, parts)

    def _looked_closer_at(
        self, needed: Iterable[Head], seen: Mapping[str, Seen], category: str | None
    ) -> list[tuple[Head, NDArray[np.float64]]]:
        """The heads that may ask for a closer look, with what each makes of the whole photo, (k,): that of the
        category, or of the one that this photo looks most like; and those whose detector looks at every photo."""
        router = self._heads[ROUTER]
        likely = category or self._named(router.probabilities(seen[router.backbone])[0])
        chosen = [h for h in needed if h.bundle.category == likely or h.always_asks_detector]
        return [(head, head.probabilities(seen[head.backbone])[0]) for head in chosen if head.has_closer_look]

    def conclude(self, evidence: Sequence[PhotoEvidence], category: str | None = None) -> ItemResult:
        """Fuse the evidence of one item's photos, in order, into its grade.

        `category` is the one that the photos were looked at for; None lets the model decide it. Raises
        `UnknownCategoryError` for one without a bundle, and ValueError for no photos.
        """
        if not evidence:
            raise ValueError("an item needs at least one photo")
        self._require(category)
        start = time.perf_counter()
        quality = tuple(e.quality for e in evidence)
        call: CategoryCall | None = None
        grade: Grade | None = None
        defects: tuple[Defect, ...] = ()
        examined: Examination | None = None
        models: dict[str, str] = {}
        if all(q.ok for q in quality):
            call = self._category(evidence, category)
            head = self._heads[call.name]
            grade, defects, examined = self._condition(evidence, head, head.of_whole(evidence))
            models = {call.name: self._heads[call.name].bundle.version}
        timings = {
            "infer": sum(sum(e.timings_ms.values()) for e in evidence),
            "fuse": (time.perf_counter() - start) * 1000,
        }
        return ItemResult(call, grade, defects, quality, models, timings, examined)

    def feature_size(self, category: str | None = None) -> int:
        """How many features `features` has of a photo. Raises `UnknownCategoryError`."""
        return int(self._feature_head(category).model.shapes["features"][1])

    def features(self, evidence: Sequence[PhotoEvidence], category: str | None = None) -> NDArray[np.float32]:
        """What the backbone of `category`, or where it is None of what predicts the category, saw on n photos as a
        whole: float32 (n, D), zeros for a photo that failed the gate.

        Raises `UnknownCategoryError`, and KeyError for photos that were looked at for another category.
        """
        backbone = self._feature_head(category).backbone
        rows = np.zeros((len(evidence), self.feature_size(category)), dtype=np.float32)
        for row, photo in zip(rows, evidence, strict=True):
            if photo.quality.ok:
                row[:] = photo.seen[backbone][0][0]
        return rows

    def can_judge(self, evidence: Sequence[PhotoEvidence], category: str) -> bool:
        """Whether what another grader has seen is all that the head of `category` needs: its backbone looked."""
        head = self._heads.get(category)
        return head is not None and bool(evidence) and all(head.backbone in one.seen for one in evidence)

    def second_opinion(self, evidence: Sequence[PhotoEvidence], result: ItemResult) -> tuple[ItemResult, bool]:
        """What this grader makes of what another has seen and concluded, the category left as it is; and whether it
        wanted a closer look at a photo that the other has not taken.

        Raises ValueError where the item was not graded, and where `can_judge` is not so.
        """
        if result.category is None or result.grade is None or not self.can_judge(evidence, result.category.name):
            raise ValueError("there is nothing that this grader could judge")
        head = self._heads[result.category.name]
        out = head.of_whole(evidence)
        grade, defects, examined = self._condition(evidence, head, out)
        lacks = head.has_closer_look and head.lacks(evidence, as_float(out["class_logits"]))
        models = {result.category.name: head.bundle.version}
        made = replace(result, grade=grade, defects=defects, models=models, timings_ms={}, examination=examined)
        return made, lacks

    def grade(self, photos: Sequence[Photo], category: str | None = None) -> ItemResult:
        """Look at each photo of one item and conclude."""
        self._require(category)
        return self.conclude([self.look(photo, category) for photo in photos], category)

    @property
    def versions(self) -> Mapping[str, str]:
        """Category → the version that this grader runs; the router's too."""
        return {name: head.bundle.version for name, head in self._heads.items()}

    @property
    def digests(self) -> Mapping[str, str]:
        """Category → the SHA-256 of the manifest of the bundle that this grader runs; the router's too."""
        return {name: head.bundle.sha256 for name, head in self._heads.items()}

    @property
    def bundles(self) -> Mapping[str, Bundle]:
        """Category → the bundle that this grader runs; the router's too."""
        return {name: head.bundle for name, head in self._heads.items()}

    def kernels(self) -> Mapping[str, str]:
        """SHA-256 of each shared network → the kernels that run it: as in `Arithmetic.kernels`."""
        run = {digest: self.arithmetic.of([model]).kernels for digest, model in self._backbones.items()}
        return {**run, **dict.fromkeys(self._detectors, DETECTOR_PRECISION)}

    def warm_up(self, known: "Grader | None" = None) -> None:
        """Run every network once, so that the first item does not pay for it; those that `known` has too are warm."""
        warm = set() if known is None else {id(one) for one in known._networks()}
        rng = np.random.default_rng(0)
        for digest, backbone in self._backbones.items():
            heads = [h.model for h in self._heads.values() if h.backbone == digest and id(h.model) not in warm]
            if id(backbone) in warm and not heads:
                continue
            side = self._sides[digest]
            pixels = rng.integers(0, 256, (1, side, side, 3), dtype=np.uint8)
            features, feature_map = backbone.run({"pixels": pixels}, ("features", "map"))
            for head in heads:
                head.run({"features": features, "map": feature_map})
        for detector in self._detectors.values():
            if id(detector) not in warm:
                detector.detect(rng.integers(0, 256, (480, 640, 3), dtype=np.uint8), 640, 480)

    def _networks(self) -> tuple[object, ...]:
        heads = (head.model for head in self._heads.values())
        return (*self._backbones.values(), *self._detectors.values(), *heads)

    def describe(self) -> list[BundleInfo]:
        """Every installed bundle of every category, oldest version first."""
        infos: list[BundleInfo] = []
        for category in self.categories:
            for version in self.store.versions(category):
                # What this grader runs, even if another version was activated since it was loaded.
                active = version == self._heads[category].bundle.version
                bundle = self._heads[category].bundle if active else self.store.load(category, version)
                infos.append(
                    BundleInfo(
                        category=category,
                        version=version,
                        active=active,
                        conditions=bundle.labels,
                        defect_types=tuple(d.name for d in bundle.defects),
                        metrics=bundle.metrics,
                        card=bundle.card,
                        auto_threshold=bundle.calibration.selective.threshold,
                    )
                )
        return infos

    def _feature_head(self, category: str | None) -> Head:
        return self._heads[ROUTER] if category is None else self._head(category)

    def _head(self, category: str) -> Head:
        self._require(category)
        return self._heads[category]

    def _require(self, category: str | None) -> None:
        if category is not None and category not in self.categories:
            raise UnknownCategoryError(
                f"Unknown category {category!r}. Known are: {', '.join(self.categories)}; "
                "leave it out to have it predicted."
            )

    def _category(self, evidence: Sequence[PhotoEvidence], declared: str | None) -> CategoryCall:
        head = self._heads[ROUTER]
        item = mean_probabilities(head.probabilities(stacked(evidence, head.backbone)))
        known = self._by_category(item)
        best = max(known, key=lambda name: known[name])
        name = declared or best
        return CategoryCall(name, "declared" if declared else "predicted", known[name], best)

    def _by_category(self, probabilities: NDArray[np.float64]) -> dict[str, float]:
        """The router's probabilities by category. One can have a bundle that the router was not trained on: it is
        graded when it is declared."""
        told = dict(zip(self._heads[ROUTER].bundle.labels, probabilities.tolist(), strict=True))
        return {name: told.get(name, 0.0) for name in self.categories}

    def _named(self, probabilities: NDArray[np.float64]) -> str:
        known = self._by_category(probabilities)
        return max(known, key=lambda name: known[name])

    def _condition(
        self, evidence: Sequence[PhotoEvidence], head: Head, out: Mapping[str, NDArray[Any]]
    ) -> tuple[Grade, tuple[Defect, ...], Examination]:
        bundle, calibration = head.bundle, head.bundle.calibration
        photos = head.of_photos(evidence, as_float(out["class_logits"]))
        item = fuse(photos, calibration.fusion_sharpness)
        best = int(item.argmax())
        promise = calibration.selective
        grade = Grade(
            condition=bundle.labels[best],
            probabilities=dict(zip(bundle.labels, item.tolist(), strict=True)),
            prediction_set=tuple(bundle.labels[i] for i in calibration.prediction_set(item)),
            confidence=float(item[best]),
            auto_threshold=promise.threshold,
            promised_error=None if promise.threshold is None else promise.alpha,
        )
        maps = "defect_logits" in out
        found = mapped(evidence, bundle, out) if maps else []
        if head.detector is not None:
            found += detected(evidence, bundle, head.detector)
        examined = examination(evidence, bundle, head.backbone, head.detector, maps=maps)
        return grade, tuple(sorted(found, key=lambda d: (-d.score, d.photo, d.type))), examined
