"""`regrade grade`: grade one item from photo files, without a server."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from regrade.models.types import ItemResult, Photo
    from regrade.serving.base.dispositions import Decision, Money
    from regrade.serving.http.schemas import InspectionOut
    from regrade.serving.rubric.in_force import InForce


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command(name="grade")(grade)


def grade(
    photos: Annotated[
        list[Path], typer.Argument(help="The photos of one item: JPEG, PNG, WebP, HEIC or AVIF.", show_default=False)
    ],
    category: Annotated[str | None, typer.Option(help="What it is; by default the model says.")] = None,
    value: Annotated[float | None, typer.Option(min=0, help="What it is worth when new.")] = None,
    currency: Annotated[str, typer.Option(help="Currency of the value, such as USD.")] = "USD",
    seller: Annotated[str | None, typer.Option(help="Whose goods these are, for the seller's own terms.")] = None,
    policy: Annotated[Path | None, typer.Option(help="Disposition policy (YAML); by default the shipped one.")] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Grade as the service on this data directory does; by default REGRADE_DATA_DIR.")
    ] = None,
    bundles: Annotated[Path | None, typer.Option(help="Grade with this folder of bundles, as it is.")] = None,
    draw: Annotated[Path | None, typer.Option(help="Write the photos with boxes and grade to this PNG.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the inspection as the API would answer it.")] = False,
) -> None:
    """Grade one item from its photos and suggest what to do with it. Nothing is stored.

    Exits with 2 for a photo that is none, an unknown category or a currency that the policy has no rate for.
    """
    import math

    from rich.console import Console

    from regrade.models.errors import RegradeError
    from regrade.models.grader import Grader
    from regrade.serving.base.dispositions import Money
    from regrade.serving.base.i18n import LANGUAGES
    from regrade.serving.cli.bundles import store_named
    from regrade.serving.cli.summary import print_inspection
    from regrade.serving.policy.decide import decide
    from regrade.serving.rubric.in_force import in_force

    if value is not None and not math.isfinite(value):
        raise RegradeError("The value must be a finite number.")
    if draw is not None and (draw.suffix.lower() != ".png" or not draw.absolute().parent.is_dir()):
        raise RegradeError(f"--draw writes a PNG: name a .png file in a folder that exists, not {draw}.")
    store = store_named(data_dir, bundles)
    rules = in_force(store, policy)
    terms = rules.policy
    declared = None if value is None else Money(value, currency)
    if declared is not None:
        terms.convert(declared)  # an unknown currency is refused before anything is computed
    contents = [_read(path) for path in photos]
    taken, decode_ms = _decode(photos, contents)
    result = Grader.load(store).grade(taken, category)
    decision = None
    if result.grade is not None:
        decision = decide(terms, result, declared_value=declared, seller=seller)
    item = {"category": category, "declared_value": declared and vars_of(declared), "seller": seller}
    told: dict[str, object] = {k: v for k, v in item.items() if v is not None}
    out = inspection_of(taken, contents, result, decision, told, decode_ms, rules)
    if draw is not None:
        _draw(contents, result, out, draw, rules)
    if as_json:
        typer.echo(out.model_dump_json(indent=2))
    else:
        print_inspection(Console(), out, [str(path) for path in photos], rules.language(LANGUAGES[0]))


def inspection_of(
    photos: "Sequence[Photo]",
    contents: Sequence[bytes],
    result: "ItemResult",
    decision: "Decision | None",
    item: dict[str, object],
    decode_ms: float,
    rules: "InForce",
) -> "InspectionOut":
    """The grade in the shape in which the API answers it. Its id and time are new; it is stored nowhere."""
    from dataclasses import replace
    from datetime import UTC, datetime

    from regrade.serving.base.i18n import LANGUAGES
    from regrade.serving.http.render import inspection_out
    from regrade.serving.storage.records import Inspection, Status, StoredPhoto, new_id

    status: Status = "retake"
    if decision is not None and not result.retake:
        status = "needs_review" if decision.needs_review else "graded"
    infer = round(sum(result.timings_ms.values()), 1)
    timings = {"decode": round(decode_ms, 1), "infer": infer, "total": round(decode_ms + infer, 1)}
    inspection = Inspection(
        id=new_id(),
        created_at=datetime.now(UTC),
        status=status,
        key_id="",
        idempotency_key=None,
        body_digest="",
        item=item,
        result=replace(result, timings_ms=timings),
        decision=decision,
        photos=tuple(
            StoredPhoto(p.index, p.sha256, p.media_type, len(data), p.width, p.height)
            for p, data in zip(photos, contents, strict=True)
        ),
    )
    return inspection_out(inspection, rules.language(LANGUAGES[0]), rules.rubrics)


def vars_of(money: "Money") -> dict[str, object]:
    """Money as JSON values."""
    return {"amount": money.amount, "currency": money.currency}


def _read(path: Path) -> bytes:
    from regrade.models.errors import RegradeError

    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise RegradeError(f"There is no file {path}. Check the name.") from error
    except OSError as error:
        raise RegradeError(f"{path} cannot be read: {error.strerror}.") from error


def _decode(paths: Sequence[Path], contents: Sequence[bytes]) -> "tuple[list[Photo], float]":
    """The checked photos, and the milliseconds that it took."""
    import time

    from regrade.models.errors import PhotoError
    from regrade.models.photos.intake import open_photo

    started = time.perf_counter()
    photos = []
    for index, (path, data) in enumerate(zip(paths, contents, strict=True)):
        try:
            photos.append(open_photo(data, index))
        except PhotoError as error:
            raise PhotoError(error.code, f"{path}: {error}", photo=index) from error
    return photos, (time.perf_counter() - started) * 1000


def _draw(contents: Sequence[bytes], result: "ItemResult", out: "InspectionOut", path: Path, rules: "InForce") -> None:
    """Write the annotated photo, or a contact sheet where there are several."""
    from dataclasses import replace

    from PIL import Image

    from regrade.models.errors import RegradeError
    from regrade.models.photos.draw import contact_sheet, draw_grade
    from regrade.models.photos.intake import DEFAULT_LIMITS, open_photo
    from regrade.serving.base.i18n import LANGUAGES
    from regrade.serving.cli.summary import title_lines

    # The grader works on reduced photos; boxes are those of the full-size one.
    whole = replace(DEFAULT_LIMITS, working_side=DEFAULT_LIMITS.max_side)
    title = title_lines(out, rules.language(LANGUAGES[0]))
    full = [Image.fromarray(open_photo(data, index, whole).rgb) for index, data in enumerate(contents)]
    seen = [[d for d in result.defects if d.photo == index] for index in range(len(full))]
    if len(full) == 1:
        sheet = draw_grade(full[0], seen[0], title)
    else:
        sheet = contact_sheet([draw_grade(one, found) for one, found in zip(full, seen, strict=True)], title)
    try:
        sheet.save(path, "PNG")
    except OSError as error:
        raise RegradeError(f"{path} cannot be written: {error.strerror}.") from error
