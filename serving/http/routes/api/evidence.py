"""The signed evidence of an inspection, as it was signed, and the key to check it with."""

from collections.abc import Collection
from typing import Any

from fastapi import APIRouter, Depends

from regrade.serving.access.keys import ApiKey
from regrade.serving.base.errors import NotFoundError
from regrade.serving.evidence.read import read_evidence
from regrade.serving.http.routes.api.inspections import RevisionDep
from regrade.serving.http.routes.common import RuntimeDep, SellerOrReaderDep, problems
from regrade.serving.http.routes.queries import refuse_unknown
from regrade.serving.http.routes.sellers.out import DISCLOSED, refuse_internal
from regrade.serving.http.schemas import EvidenceKeyOut, EvidenceOut
from regrade.serving.runtime import Runtime

router = APIRouter(prefix="/v1", tags=["inspections"])


@router.get(
    "/inspections/{inspection_id}/evidence",
    summary="Read the signed evidence",
    responses=problems(401, 403, 404, 410, 422),
)
async def evidence_bundle(
    inspection_id: str, runtime: RuntimeDep, key: SellerOrReaderDep, revision: RevisionDep = None
) -> EvidenceOut:
    """What was seen and decided, by what and by whom: `steps`, each signed when it happened, and what they say together
    in `payload`.

    Nothing is signed when it is read. Where the database has been changed since, this still shows what was signed, and
    `differences` says what is not as it was.

    With `revision`, one of those that the inspection's `revisions` lists: the steps that there were when it was graded
    anew, which can be checked by themselves. 410 where something of it was erased since; all of it is still there then.

    A seller's has the same steps, with `audience` "seller": names, notes and reasons are withheld, and what is there
    can be checked against each step's signature. 410 once the item was erased.
    """
    if key.sees is not None:
        refuse_internal({"revision": revision})
        return await evidence_out(runtime, inspection_id, disclosed=DISCLOSED)
    await runtime.call(_refuse, runtime, inspection_id, key)
    return await evidence_out(runtime, inspection_id, revision)


@router.get("/evidence/key", summary="Read the public key of the evidence", dependencies=[Depends(refuse_unknown)])
async def evidence_key(runtime: RuntimeDep) -> EvidenceKeyOut:
    """The key with which anyone can check evidence; it needs no API key."""
    current = runtime.signer.public_key
    former = [key.public() for key_id, key in runtime.signer.known.items() if key_id != current.key_id]
    told: dict[str, Any] = {**current.public(), "jwk": current.jwk, "pem": current.pem, "former": former}
    return EvidenceKeyOut.model_validate(told)


async def evidence_out(
    runtime: Runtime, inspection_id: str, revision: int | None = None, *, disclosed: Collection[str] | None = None
) -> EvidenceOut:
    """The evidence of an inspection, and whether the database still says the same; errors as of `read_evidence`. With
    `disclosed`, of what is personal only what has one of these names, and nothing of an item that was erased
    (`ErasedError`): its last step tells why, and which of its photos another inspection has too."""
    if disclosed is not None:
        (await runtime.call(runtime.inspections.get, inspection_id)).refuse_erased()
    found = await runtime.call(read_evidence, runtime.database, runtime.signer, inspection_id, revision, disclosed)
    differences = [{"code": one.code, "message": one.message, "fields": list(one.fields)} for one in found.findings]
    return EvidenceOut.model_validate({**found.bundle, "consistent": not differences, "differences": differences})


def _refuse(runtime: Runtime, inspection_id: str, key: ApiKey) -> None:
    """Raises `BlindError` for who must not know what was found, and `NotFoundError`."""
    try:
        inspection = runtime.inspections.get(inspection_id)
    except (NotFoundError, ValueError):
        # Removed or spoilt by other hands: what was signed is there all the same, for those who look into it.
        if not key.may("engineer"):
            raise
        return
    runtime.desk.refuse_blind(inspection, key)
