"""One request on its way from photos to what the networks say of them. Nothing is decided, and nothing stored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from regrade.models.photo_evidence import PhotoEvidence
from regrade.models.photos.intake import photo_of_pixels
from regrade.models.types import ItemResult, Photo
from regrade.serving.grading.admission import Ticket
from regrade.serving.grading.item import Item
from regrade.serving.grading.item_grading import Intake, ItemGrading, Means, Sender
from regrade.serving.grading.judges import Judges
from regrade.serving.oip.model import InferenceModel
from regrade.serving.oip.photos import SentPhotos
from regrade.serving.telemetry.item_clock import ItemClock


@dataclass(frozen=True, slots=True)
class Judged:
    """What was seen on each photo, and what it comes to: one result for each item."""

    evidence: tuple[PhotoEvidence, ...]
    results: tuple[ItemResult, ...]


class Judging(ItemGrading):
    """One request under way: admitted, decoded, looked at and fused as an item that is graded is. Call `judge` once."""

    def __init__(
        self, means: Means, judges: Judges, model: InferenceModel, sent: SentPhotos, ticket: Ticket, clock: ItemClock
    ) -> None:
        item = Item(rma="-", category=model.category)
        unnamed = ("",) * len(sent.files)
        intake = Intake(judges.grader, judges.in_force.policy, item, sent.files, unnamed, "", sent.work)
        super().__init__(means, intake, Sender(ticket.key_id, None), ticket, clock)
        self._pixels = sent.pixels

    async def judge(self, *, one_item: bool) -> Judged:
        """Look at the photos: of one item, or each of another.

        Raises `PhotoError`, `BusyError` or `UploadAborted`.
        """
        self._ticket.enqueue(self._intake.work)
        decoded: Mapping[int, Photo] = await self._decode_slow_photos()
        async with self._turn():
            seen = await self._look_at_photos(decoded)
        evidence = tuple(photo.evidence for photo in seen)
        items: Sequence[Sequence[PhotoEvidence]] = [evidence] if one_item else [(one,) for one in evidence]
        return Judged(evidence, tuple([await self._fuse(item) for item in items]))

    def _open(self, index: int, data: bytes, sha256: str) -> Photo:
        if self._pixels is None:
            return super()._open(index, data, sha256)
        with self.clock.piece("decode", "decode"):
            return photo_of_pixels(self._pixels[index], index, self._limits)
