"""What goes over the wire: the bodies of answers (`…Out`) and of requests (`…In`)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal, cast

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    SerializerFunctionWrapHandler,
    StrictBool,
    StringConstraints,
    model_serializer,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from regrade.models.category.economics import Action
from regrade.models.category.fields import MACHINE_NAME, Condition
from regrade.models.types import Box
from regrade.serving.base.text_forms import Label, Name, Note, ShortLabel, ShortNote, Words
from regrade.serving.http.identity.shown import IdentityOut
from regrade.serving.http.pieces.shown import FoundPieces, PiecesOut
from regrade.serving.policy.schema import Colour
from regrade.serving.storage.asks import AskKind
from regrade.serving.storage.records import Cause, Status
from regrade.serving.storage.reviews import ReviewedDefect

DefectType = Annotated[str, StringConstraints(pattern=MACHINE_NAME, max_length=40)]
"""One of the category's, or of those that every category knows: which, the desk checks."""

Share = Annotated[float, Field(ge=0, le=1)]


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


# To JSON Schema (6.1.1) 1.0 is a whole number as 1 is.
Whole = Annotated[int, BeforeValidator(_whole)]


class Sparse(BaseModel):
    """An answer of which the fields `ABSENT` are left out where they are None, and others are null."""

    ABSENT: ClassVar[tuple[str, ...]] = ()

    @model_serializer(mode="wrap")
    def _without_absent(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        kept: dict[str, Any] = handler(self)
        for name in self.ABSENT:
            if kept.get(name) is None:
                kept.pop(name, None)
        return kept

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        # Described by its fields: of what a serializer makes pydantic knows no more than that it is an object.
        fields_alone = {name: part for name, part in core_schema.items() if name != "serialization"}
        described = handler(cast(CoreSchema, fields_alone))
        found = handler.resolve_ref_schema(described)
        found["required"] = [name for name in found.get("required", ()) if name not in cls.ABSENT]
        return described


class MoneyOut(BaseModel):
    amount: float
    currency: str


class CategoryOut(Sparse):
    ABSENT = ("guess",)

    name: str
    source: Literal["declared", "predicted"]
    confidence: Share | None = Field(
        description="The model's probability of this category; null where the item must be looked at blind."
    )
    guess: str | None = Field(
        None, description="Only where another one was declared: the category that the photos look like."
    )


class GradeOut(Sparse):
    ABSENT = ("based_on",)

    condition: Condition
    name: str | None = Field(None, description="What the scale of the seller or of the category calls it, if any does.")
    probabilities: dict[str, Share]
    prediction_set: list[str]
    confidence: Share
    based_on: list[Literal["photo", "damage_map", "parts", "detector", "review"]] | None = Field(
        None,
        description="What it rests on: each photo as a whole, the map of defects, a closer look at parts, the "
        "detector's boxes, also of types that are not shown; or a human's review. Left out of what was graded before "
        "it was kept.",
    )


class ExaminedOut(BaseModel):
    photo: int
    types: list[str]


class DefectOut(BaseModel):
    photo: int
    type: str
    score: Share
    box: Box | None = Field(description="x1, y1, x2, y2 in pixels of the upright photo.")
    severity: str


class OptionOut(BaseModel):
    action: Action
    expected_recovery: MoneyOut


class DispositionOut(OptionOut):
    reasons: list[str]
    alternatives: list[OptionOut]
    policy: str


class DecidedOut(BaseModel):
    by: str
    at: datetime
    model_condition: str | None
    disposition_source: Literal["policy", "reviewer"]
    note: str | None


class DecisionOut(BaseModel):
    """A human's decision in short."""

    by: str
    role: str
    blind: bool = Field(description="Whether it was made before the model's word was shown.")
    at: datetime
    agreed: bool | None = Field(description="With the model; null while whoever decided must not know.")


class ReviewOut(Sparse):
    ABSENT = ("decided",)

    required: bool
    reasons: list[str]
    who: Literal["nobody", "bench", "desk"] = Field(
        description="Who may decide, where somebody must: the inspector who holds the item, or the desk alone."
    )
    first: bool = Field(
        False, description="Whether the inspector is to decide before the model's word is shown. Drawn by lot."
    )
    decided: DecidedOut | None = Field(None, description="Only where a human has decided.")


class QualityOut(BaseModel):
    ok: bool
    issues: list[str]


class PhotoOut(BaseModel):
    index: int
    sha256: str
    width: int
    height: int
    quality: QualityOut


class RetakeOut(BaseModel):
    photo: int
    issue: str
    advice: str


class TimingsOut(BaseModel):
    """Where the time went, in milliseconds: parts of the wall time that follow one another and sum to `total`.

    Photos of an item are decoded and looked at side by side, and take turns with those of other items: a moment counts
    as what was being done for this item then, in equal shares where that was several things.
    """

    read: float = Field(description="From the end of the request's head until its body was there; the key is checked.")
    queue: float = Field(description="Waiting for a turn, or for a core that worked on other items.")
    decode: float = Field(description="Decoding the photos.")
    infer: float = Field(description="The quality gate, the networks, and fusing what they saw into a grade.")
    store: float = Field(
        description="Waiting until the photos, written since they came in, were safe on the disk. Not yet in it: "
        "writing these lines themselves, which the `Server-Timing` header of the 201 includes."
    )
    other: float = Field(description="Checking and hashing what was sent, applying the policy, and all the rest.")
    total: float = Field(
        description="From the end of the request's head until the inspection was ready to be written; the "
        "`Server-Timing` header of the 201 goes on until it was written."
    )


class ErasedOut(BaseModel):
    """That photos and personal fields were erased: when, by whom, and why where that was said."""

    at: datetime
    by: str
    reason: str | None


class BinOut(BaseModel):
    """Where an item is put down, as the policy names it."""

    name: str = Field(description="In the language of the answer.")
    colour: Colour


class NowOut(Sparse):
    """What is to be done with the item now, by whoever holds it."""

    ABSENT = ("action", "bin")

    state: Literal["put", "count", "decide", "aside", "retake"] = Field(
        description="`put`: its disposition stands, and it goes into that bin. `count`: which of its pieces are there "
        "is asked of whoever holds it, for the policy goes by that. `decide`: whoever holds it is asked what it is. "
        "`aside`: the desk decides; until then it is set aside. `retake`: photos are to be taken again, or added."
    )
    action: Action | None = Field(None, description="Only with `put`.")
    bin: BinOut | None = Field(None, description="Only with `put` and `aside`.")


class RevisionOut(BaseModel):
    """One time at which the item was graded."""

    revision: int
    at: datetime
    cause: Cause | None = Field(
        description="Why it was graded anew: photos were added or replaced, another category, or its pieces counted; "
        "null for the first."
    )
    status: Status
    condition: str | None = Field(description="The model's.")
    href: str = Field(description="Where to read it.")


class AskOut(BaseModel):
    """What a reviewer asked instead of deciding."""

    kind: AskKind
    note: str | None
    views: list[str] = Field(description="Views of the category that are to be photographed, by name.")
    assignee: str | None = Field(description="Who is to look, where one was named.")
    by: str
    at: datetime


class AskEndOut(BaseModel):
    """What became of it."""

    how: Literal["photos", "answered", "undone"]
    note: str | None
    by: str
    at: datetime


class AskedOut(AskOut):
    ended: AskEndOut | None


class InspectionOut(Sparse):
    """A graded item. Boxes and sizes are those of the upright photo."""

    ABSENT = (
        "retake",
        "erased",
        "defects_examined",
        "decision",
        "now",
        "revisions",
        "ask",
        "asks",
        "identity",
        "pieces",
    )

    id: str
    status: Status
    created_at: datetime
    item: dict[str, Any]
    category: CategoryOut | None
    grade: GradeOut | None
    defects: list[DefectOut]
    defects_examined: list[ExaminedOut] | None = Field(
        None,
        description="For each photo the types that the model looked for: those whose boxes are proven on held-out "
        "photos. `defects` says nothing of any other type. Left out where nothing was graded, or before it was kept.",
    )
    disposition: DispositionOut | None
    review: ReviewOut
    now: NowOut | None = Field(None, description="Left out of what was erased.")
    photos: list[PhotoOut]
    models: dict[str, str]
    timings_ms: TimingsOut
    retake: list[RetakeOut] | None = Field(
        None, description="Only with status `retake`: which photos to take again, and how."
    )
    decision: DecisionOut | None = Field(None, description="Only where a human has decided.")
    erased: ErasedOut | None = Field(
        None, description="Only where it was erased: `photos` is then empty, and the RMA an empty text."
    )
    revision: int = Field(1, description="How often it was graded: 1 where never anew.")
    revisions: list[RevisionOut] | None = Field(
        None, description="Only where it was graded anew: all revisions, the first first."
    )
    identity: IdentityOut | None = Field(
        None,
        description="What the codes in its photos say. Left out where nobody has read them, and of what was erased.",
    )
    pieces: PiecesOut | None = Field(
        None,
        description="Which pieces belong to it and which are there. Left out where the catalogue expects none, and of "
        "what was erased.",
    )
    ask: AskOut | None = Field(None, description="Only where something is asked of the station or of a reviewer now.")
    asks: list[AskedOut] | None = Field(None, description="Only where something was asked: all of it, the first first.")


class InspectionsOut(BaseModel):
    items: list[InspectionOut]
    next_cursor: str | None


class CountOut(BaseModel):
    count: int = Field(ge=0)


class DefectIn(BaseModel):
    """A defect as a reviewer saw it. A box lies within its photo: 0 ≤ x1 < x2 ≤ width, 0 ≤ y1 < y2 ≤ height."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    photo: Whole = Field(ge=0)
    type: DefectType
    severity: Literal["minor", "major"] = "major"
    box: Box | None = Field(None, description="x1, y1, x2, y2 in pixels of the upright photo.")
    score: Share = Field(1.0, description="The model's, where the reviewer kept a defect of the model's.")


def recorded(defects: Sequence[DefectIn] | None) -> tuple[ReviewedDefect, ...] | None:
    """Defects as they are stored of a reviewer; None where nothing was said of them."""
    if defects is None:
        return None
    return tuple(ReviewedDefect(one.photo, one.type, one.severity, one.box, one.score) for one in defects)


class VerdictIn(BaseModel):
    """What somebody found."""

    model_config = ConfigDict(extra="forbid")

    condition: Condition
    disposition: Action | None = Field(None, description="If left out, the policy's for this condition.")
    defects: list[DefectIn] | None = Field(
        None,
        max_length=200,
        description="All that are visible, `[]` where none are; if left out, the model's stand.",
    )
    pieces: FoundPieces | None = Field(
        None,
        description="All pieces that are there, `[]` where none are; if left out, what was counted before stands. "
        "Not in a blind look, nor where none are expected.",
    )
    note: Note | None = None
    seconds: float | None = Field(
        None, ge=0, allow_inf_nan=False, description="How long the item was before whoever decided."
    )


class ReviewIn(VerdictIn):
    """A reviewer's decision."""

    lease: str = Field(min_length=1, max_length=128, description="The token of the claim.")
    rubric: Label | None = Field(None, description="The rubric that was shown, such as `toys@1`.")
    seller_grade: ShortLabel | None = Field(None, description="The seller's own name for the condition.")


class AskIn(BaseModel):
    """What a reviewer asks instead of deciding."""

    model_config = ConfigDict(extra="forbid")

    lease: str = Field(min_length=1, max_length=128, description="The token of the claim.")
    ask: AskKind = Field(
        description="`photos`: of the station that has the item. `cannot_tell`: another reviewer is to look. "
        "`escalate`: the `assignee` is, or anybody else."
    )
    note: Note | None = None
    views: list[Annotated[str, StringConstraints(pattern=MACHINE_NAME, max_length=40)]] = Field(
        [], max_length=20, description="With `photos`: views of the item's category, such as `soles`."
    )
    assignee: Name | None = Field(None, description="With `escalate`: the name of a reviewer's key.")


class AnswerIn(BaseModel):
    """What the station answers where it cannot send the photos that the desk asked for."""

    model_config = ConfigDict(extra="forbid")

    note: Words


class CategoryIn(BaseModel):
    """Of which category an item is."""

    model_config = ConfigDict(extra="forbid")

    category: Name


class BenchDecisionIn(VerdictIn):
    """What the inspector who holds the item found."""

    blind: StrictBool = Field(False, description="Whether the inspector decided before the model's word was shown.")


class ActivationIn(BaseModel):
    """Which version of a category is to grade from now on."""

    model_config = ConfigDict(extra="forbid")

    version: str = Field(min_length=1, max_length=64, description="One of those that `GET /v1/models` lists.")
    reason: ShortNote = Field("", description="Why, for the log of activations.")


class BundleOut(BaseModel):
    version: str
    active: bool
    origin: Literal["site", "release"] = Field(
        description="`site`: kept in the data directory, where no upgrade removes it. `release`: only in the package."
    )
    fault: str | None = Field(None, description="What is wrong with a spoilt bundle, which cannot be activated.")
    conditions: list[str] = []
    defect_types: list[str] = []
    auto_threshold: float | None = None
    metrics: dict[str, Any] = {}
    card: str = ""


class CategoryModelsOut(BaseModel):
    category: str
    active: str | None = Field(description="The version that grades.")
    chosen: bool = Field(
        description="Whether this site chose what is active, which then stays; otherwise the release's default grades, "
        "and after an upgrade that of the newer release."
    )
    default: str | None = Field(description="The version that the release grades with where a site has not chosen.")
    versions: list[BundleOut]


class TrialIn(BaseModel):
    """Which version is to be tried in shadow."""

    model_config = ConfigDict(extra="forbid")

    version: str = Field(
        min_length=1,
        max_length=64,
        description="One that is installed, and not active.",
        examples=["2026.11.6-site.0a1b2c3d4e5f"],
    )
    reason: ShortNote = Field("", description="Why, for the audit trail.")


class TrialOut(BaseModel):
    """A candidate on trial."""

    category: str
    version: str
    active: str = Field(description="The version that it is compared with.")
    phase: Literal["shadow", "canary", "stopped"] = Field(
        description="`shadow`: it judges beside, and nobody is told. `canary`: it grades at some stations. "
        "`stopped`: it does neither any more; `reason` says why."
    )
    since: datetime = Field(description="When the phase began.")
    by: str = Field(description="Who began it: a key, an account, or a rule.")
    reason: str
    proposed: datetime | None = Field(None, description="When it was shown to be no worse, null before.")


class GoldenOut(BaseModel):
    """What the networks made of photos that they are known by, beside what they should."""

    passed: bool
    cosine: float = Field(description="Of the features, on the photo where they were furthest from what is stored.")
    shift: float = Field(description="The largest change of a photo's probabilities or of a detector's score.")
    bundles: list[str] = Field(description="Categories whose bundles were compared.")


class ArithmeticOut(BaseModel):
    """How the networks are computed on this machine. Grades do not depend on it; how fast they come does."""

    precision: Literal["int8", "fp32"] = Field(description="What runs.")
    kernels: Literal["u8s8", "u8u8", "fp32"] = Field(
        description="`u8u8`: exact and slower, on a CPU where sums of the usual INT8 products saturate."
    )
    cpu: list[str] = Field(description="Instructions of the CPU that matter for it, as far as the system tells.")
    description: str
    golden: GoldenOut | None = Field(
        None,
        description="How golden photos came out, where bundles say how they should. FP32 runs where INT8 failed.",
    )


class ModelsOut(BaseModel):
    categories: list[CategoryModelsOut]
    arithmetic: ArithmeticOut


class HealthOut(BaseModel):
    status: Literal["ok", "starting", "failing"]
    version: str
    checks: dict[str, Literal["ok", "starting", "failing"]]
    reasons: dict[str, str] = Field(description="What is wrong and what to do, for each check that is not `ok`.")


class ReadyOut(BaseModel):
    ready: bool
    reasons: dict[str, str] = Field({}, description="Why not, by check; also what else is not well.")


class PublicKeyOut(BaseModel):
    algorithm: str
    key_id: str
    public_key: str = Field(description="32 raw bytes in base64.")


class JwkOut(BaseModel):
    """An Ed25519 public key as a JSON Web Key (RFC 8037)."""

    kty: str
    crv: str
    x: str
    kid: str
    alg: str


class EvidenceKeyOut(PublicKeyOut):
    jwk: JwkOut
    pem: str
    former: list[PublicKeyOut] = Field(description="Keys that evidence was signed with before.")


class SignatureOut(PublicKeyOut):
    canonicalization: str = Field(description="The form of `payload` that is signed: RFC 8785.")
    value: str = Field(description="64 raw bytes in base64, made when the last step was.")


class DifferenceOut(BaseModel):
    """Something that is not as it was signed."""

    code: str
    message: str
    fields: list[str] = Field(description="What differs in a row, such as `inspection.result`.")


class EvidenceOut(Sparse):
    """What was seen and decided, signed when it was: all but `consistent` and `differences`, which are of now."""

    ABSENT = ("audience",)

    payload: dict[str, Any] = Field(description="What the steps say together.")
    signature: SignatureOut
    steps: list[str] = Field(description="Each step as an SD-JWT (RFC 9901): a JWS in compact form, and disclosures.")
    keys: list[JwkOut] = Field(description="The keys that the steps are signed with.")
    audience: Literal["seller"] | None = Field(
        None, description="For whom what is personal was withheld; left out where nothing was."
    )
    consistent: bool = Field(description="Whether the database still says what was signed.")
    differences: list[DifferenceOut]


class UploadOut(BaseModel):
    """A photo that was sent ahead of its item."""

    sha256: str
    size: int = Field(description="Bytes of it that are there.")
    whole: bool = Field(description="Whether that is all of it.")
    expires_at: datetime | None = Field(description="Until when; null where it stands in an inspection of the key.")


class FaultOut(BaseModel):
    field: str
    message: str


class ProblemOut(BaseModel):
    """A problem (RFC 9457). `detail` says what to do; other members depend on the type."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    photo: int | None = Field(None, description="Index of the photo at fault.")
    errors: list[FaultOut] | None = Field(None, description="The fields at fault.")
