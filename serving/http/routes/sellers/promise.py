"""`/v1/promise` and `/desk/seller/promise`: what is promised of a seller's items, and what was found of their own."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, Field

from regrade.serving.access.keys import ApiKey
from regrade.serving.access.sessions import Session
from regrade.serving.base.errors import FieldFault, InvalidFieldsError
from regrade.serving.base.i18n import Message
from regrade.serving.base.text_forms import Name, searched
from regrade.serving.candidates.of_seller import Figure, OfSeller, of_seller
from regrade.serving.http.routes.common import RuntimeDep, caller, problems
from regrade.serving.http.routes.desk.access import DeskLanguageDep, at_page
from regrade.serving.http.routes.desk.templates import DESK, desk_page
from regrade.serving.http.schemas import MoneyOut
from regrade.serving.review.quality.promises import FEW
from regrade.serving.runtime import Runtime
from regrade.serving.storage.scope import seeing

router = APIRouter(tags=["sellers"])

PAGE: Final = f"{DESK}/seller/promise"
SPAN: Final = timedelta(weeks=26)
"""Whose items count: those that came in since then."""


class ShareFigureOut(BaseModel):
    share: float
    range: tuple[float, float] = Field(description="The 95% interval.")


class MoneyFigureOut(BaseModel):
    amount: float
    currency: str
    range: tuple[float, float] = Field(description="The 95% interval, in the same currency.")


class SellerPromiseOut(BaseModel):
    """What is promised of items of one category that go without a person, and the seller's own figures."""

    category: str
    in_force: Literal["money", "condition", "review"] = Field(
        description="`money`: what is promised is proven. `condition`: it is not, and what the bundle promises of the "
        "condition holds. `review`: it is not, and a person sees every item."
    )
    loss_at_most: MoneyOut | None = Field(
        description="What they lose on average, an item, against the best action; for one of `for_value`. Null where "
        "nothing is promised in money."
    )
    better_than_it_is_at_most: float | None = Field(description="The share sold as better than it is.")
    confidence: float
    for_value: MoneyOut
    items: int = Field(description="The seller's own, over the last 26 weeks.")
    automatic: int = Field(description="Those of them that went without a person.")
    looks: int = Field(description="Those of them that a person looked at blind afterwards, drawn by lot.")
    automatic_share: ShareFigureOut | None = Field(description=f"Null below {FEW} items.")
    wrong: ShareFigureOut | None = Field(
        description=f"Of another condition than the model said. Null below {FEW} looks."
    )
    better_than_it_is: ShareFigureOut | None = Field(description=f"Null below {FEW} looks.")
    loss: MoneyFigureOut | None = Field(description=f"Null below {FEW} looks.")


class PromisesOfSellerOut(BaseModel):
    seller: str
    since: datetime
    categories: list[SellerPromiseOut]


class SellerPromisesOut(BaseModel):
    sellers: list[PromisesOfSellerOut]


@router.get("/v1/promise", summary="Read what is promised of a seller's items", responses=problems(401, 403, 422))
async def read(
    runtime: RuntimeDep,
    key: Annotated[ApiKey, Depends(caller("reviewer", "engineer", "seller"))],
    seller: Annotated[Name | None, Query(description="Whose; staff must say so, sellers may.")] = None,
) -> SellerPromisesOut:
    """What the policy promises of items that go without a person, by the seller's terms, and whether that is proven.

    Beside it what blind looks found of the seller's own items, where there are 50 of them: nothing of others is in it.
    """
    since, found = _begin(), []
    for one in _whose(key, seller):
        categories = [_out(row) for row in await _promises(runtime, one, since)]
        found.append(PromisesOfSellerOut(seller=one, since=since, categories=categories))
    return SellerPromisesOut(sellers=found)


@router.get(PAGE, include_in_schema=False)
async def page(
    request: Request,
    session: Annotated[Session, Depends(at_page("seller"))],
    runtime: RuntimeDep,
    lang: DeskLanguageDep,
) -> Response:
    """The same as a page. An admin names the seller in the address, and sees what that one sees."""
    key, since = session.key, _begin()
    asked = searched(request.query_params.get("seller", ""))
    named = (asked,) if asked and key.sees is None else key.sees or ()
    found = [(one, await _promises(runtime, one, since)) for one in named]
    values: dict[str, Any] = {"found": found, "few": FEW, "since": since, "asked": asked, "staff": key.sees is None}
    return desk_page(request, "seller_promise.html", lang, session, **values)


def _begin() -> datetime:
    """The midnight (UTC) since which items count: the same all day, as the figures are."""
    return (datetime.now(UTC) - SPAN).replace(hour=0, minute=0, second=0, microsecond=0)


def _whose(key: ApiKey, seller: str | None) -> tuple[str, ...]:
    """Whose promises are read. Raises `InvalidFieldsError` where nobody was named."""
    if key.sees is not None:
        return tuple(one for one in key.sees if seller in (None, one))
    if seller is None:
        raise InvalidFieldsError("invalid-query", "query", [FieldFault("seller", Message("fault.missing"))])
    return (seller,)


async def _promises(runtime: Runtime, seller: str, since: datetime) -> list[OfSeller]:
    """As the seller sees it, whoever asks."""

    def read() -> list[OfSeller]:
        looks = runtime.desk.looks(since=since)
        return of_seller(runtime.policy, runtime.database, seller, since, looks)

    with seeing((seller,)):
        return await runtime.call(read)


def _out(row: OfSeller) -> SellerPromiseOut:
    def money(amount: float | None) -> MoneyOut | None:
        return None if amount is None else MoneyOut(amount=amount, currency=row.currency)

    def share(figure: Figure | None) -> dict[str, Any] | None:
        return None if figure is None else {"share": figure.mean, "range": (figure.interval.low, figure.interval.high)}

    loss = row.loss and {
        "amount": row.loss.mean,
        "currency": row.currency,
        "range": (row.loss.interval.low, row.loss.interval.high),
    }
    return SellerPromiseOut.model_validate(
        {
            "category": row.category,
            "in_force": row.in_force,
            "loss_at_most": money(row.loss_limit),
            "better_than_it_is_at_most": row.harm_limit,
            "confidence": row.confidence,
            "for_value": money(row.value),
            "items": row.items,
            "automatic": row.automatic,
            "looks": row.looks,
            "automatic_share": share(row.share),
            "wrong": share(row.wrong),
            "better_than_it_is": share(row.better),
            "loss": loss,
        }
    )
