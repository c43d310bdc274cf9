"""What can be asked: a model for each category, and one for whatever the photos show; and what it says of itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from regrade.models.grader import Grader
from regrade.models.registry.bundle import ROUTER
from regrade.models.types import CONDITIONS
from regrade.serving.base.errors import NotFoundError
from regrade.serving.oip.tensors import BYTES

EXTENSIONS: Final = ("binary_tensor_data",)
PLATFORM: Final = "regrade_onnxruntime"
PHOTOS: Final = "photos"
PIXELS: Final = "pixels"

INPUTS: Final[Mapping[str, tuple[str, tuple[int, ...], str]]] = {
    PHOTOS: (BYTES, (-1,), "Photos as files (JPEG, PNG, WebP and the like). Send these or `pixels`."),
    PIXELS: ("UINT8", (-1, -1, -1, 3), "Upright sRGB photos of one size, [n, h, w, 3] or [h, w, 3]."),
}
"""By name: datatype, shape, and what it is."""

PARAMETERS: Final[Mapping[str, str]] = {
    "one_item": "true (the default): all photos show one item, and there is one answer. false: each shows another.",
    "timeout": "Microseconds within which the answer is wanted, as `Prefer: wait=N` has it in seconds.",
    "binary_data_output": "Whether outputs of which nothing is said come as binary data.",
}


@dataclass(frozen=True, slots=True)
class InferenceModel:
    """A model by its name in the protocol; `category` is None for the one that predicts it."""

    name: str
    version: str
    category: str | None
    features: int


def names_of(grader: Grader) -> tuple[str, ...]:
    """The models that there are: the categories, and `_router` for items whose category is to be predicted."""
    return (*grader.categories, ROUTER)


def find_model(grader: Grader, name: str, version: str | None = None) -> InferenceModel:
    """The model of that name, in the version that grades now. Raises `NotFoundError` for any other."""
    names = names_of(grader)
    if name not in names:
        raise NotFoundError(f"There is no model {name[:80]!r}. There are: {', '.join(names)}.")
    runs = grader.versions[name]
    if version is not None and version != runs:
        raise NotFoundError(f"Version {version[:80]!r} of {name} is not loaded; {runs} is.")
    category = None if name == ROUTER else name
    return InferenceModel(name, runs, category, grader.feature_size(category))


def outputs_of(features: int) -> Mapping[str, tuple[str, tuple[int, ...], str]]:
    """By name: datatype, shape, and what it is. k items of n photos in all, on which m defects were found."""
    labels = ", ".join(CONDITIONS)
    return {
        "probabilities": (
            "FP32",
            (-1, len(CONDITIONS)),
            f"[k, conditions]: of {labels}. Zeros where photos are amiss.",
        ),
        "condition": (BYTES, (-1,), "[k]: the likeliest condition; `retake` where photos are amiss."),
        "category": (BYTES, (-1,), "[k]: what each item was graded as; empty where photos are amiss."),
        "category_probability": ("FP32", (-1,), "[k]: the probability of that category."),
        "boxes": ("FP32", (-1, 4), "[m, 4]: x1, y1, x2, y2 in pixels of the upright photo."),
        "box_photo": ("INT32", (-1,), "[m]: the index of the photo."),
        "box_type": (BYTES, (-1,), "[m]: the type of the defect."),
        "box_score": ("FP32", (-1,), "[m]: its score."),
        "box_severity": (BYTES, (-1,), "[m]: minor or major."),
        "issues": (BYTES, (-1,), "[n]: why a photo must be taken again, such as `blurry`; empty where it is fine."),
        "features": ("FP32", (-1, features), "[n, D]: what the backbone sees on each photo; zeros where it is amiss."),
    }


def described(model: InferenceModel) -> dict[str, Any]:
    """The metadata of a model (the protocol's `$metadata_model_response`)."""
    return {
        "name": model.name,
        "versions": [model.version],
        "platform": PLATFORM,
        "inputs": [_told(*one) for one in INPUTS.items()],
        "outputs": [_told(*one) for one in outputs_of(model.features).items()],
        "parameters": dict(PARAMETERS),
    }


def _told(name: str, described: tuple[str, tuple[int, ...], str]) -> dict[str, Any]:
    datatype, shape, words = described
    return {"name": name, "datatype": datatype, "shape": list(shape), "parameters": {"description": words}}
