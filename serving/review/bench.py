"""Decisions at the bench: whoever holds the item says what it is, where the policy lets them, and the item is done."""

from dataclasses import replace

from sqlalchemy import select

from regrade.serving.access.keys import ApiKey
from regrade.serving.base.dispositions import Reason
from regrade.serving.base.errors import DecidedError, DeskAloneError
from regrade.serving.base.i18n import Message
from regrade.serving.evidence import begin
from regrade.serving.inspections.store import find
from regrade.serving.pieces.decided import with_count
from regrade.serving.policy.bench import between, desk_alone
from regrade.serving.policy.stored import case_of_stored
from regrade.serving.policy.terms import economics_for
from regrade.serving.review import decisions, tasks, undo
from regrade.serving.review.context import DeskContext
from regrade.serving.review.decisions import Second
from regrade.serving.review.types import Decided, Verdict
from regrade.serving.storage.records import Inspection
from regrade.serving.storage.reviews import Review
from regrade.serving.storage.tables import tasks as tasks_table


def decides_first(context: DeskContext, inspection: Inspection) -> bool:
    """Whether the lot fell on the item: the inspector decides before the model's word is shown. Not where a decision
    was taken back: whoever made it was shown the word since."""
    if any(review.undone_at is not None for review in inspection.reviews):
        return False
    bench = context.rules().policy.terms(inspection.item.get("seller")).bench
    if bench is None or inspection.who != "bench":
        return False
    return context.lottery.drawn(inspection.id, "first", bench.first_share)


def decide(context: DeskContext, inspection_id: str, inspector: ApiKey, verdict: Verdict, *, blind: bool) -> Decided:
    """Record what the inspector found; see `Desk.decide_at_bench`."""
    context, now = context.now_in_force(), context.now()
    with context.database.write() as connection:
        before = find(connection, inspection_id, lock=True)
        before.refuse_erased()
        query = select(tasks_table).where(tasks_table.c.inspection_id == inspection_id, tasks_table.c.kind == "unsure")
        task = connection.execute(query.with_for_update()).first()
        repeated = None if task is None else decisions.given_before(before, task, inspector)
        if repeated is not None and decisions.says(repeated, verdict):
            return decisions.decided(context, before, repeated, replayed=True)
        if task is not None and task.state == "away":
            raise DecidedError(Message("problem.bench_asked"))
        if task is None or task.state != "open":
            raise DecidedError(Message("problem.bench_over"))
        held = task.lease_expires_at is not None and task.lease_expires_at > now
        if held and task.lease_key_id != inspector.id:
            raise DecidedError(Message("problem.bench_held"))
        context.refuse_if_full()
        if before.ask is not None:
            _refuse(Reason("bench_asked_on"))
        _refuse(_alone(context, before))
        begin(connection, context.signer, inspection_id)
        drawn = blind and decides_first(context, before)
        seconds = decisions.seconds_of(connection, verdict.seconds, task, inspector, now)
        made = decisions.review_of(context, before, task, inspector, replace(verdict, seconds=seconds), now)
        if made.disposition.action == "destroy":
            _refuse(Reason("destroy_needs_desk"))
        made = replace(made, blind=drawn)
        return decisions.record_decision(
            connection, context, made, inspector, _second(context, before, made, inspector), now, at="bench"
        )


def take_back(context: DeskContext, inspection_id: str, inspector: ApiKey) -> Inspection:
    """Undo the inspector's own decision; the item waits again, held by nobody. Errors as of `undo.undo`."""
    claim = undo.undo(context, inspection_id, inspector)
    tasks.release(context, claim.task.id, inspector)
    with context.database.read() as connection:
        return find(connection, inspection_id)


def _alone(context: DeskContext, inspection: Inspection) -> Reason | None:
    """Why the desk alone may decide on it, by the policy in force now and by what was said when it was graded."""
    policy = context.rules().policy
    case = case_of_stored(policy, inspection)
    review = () if inspection.decision is None else inspection.decision.review
    return desk_alone(policy.terms(case.seller), case.value, policy.currency, review)


def _refuse(reason: Reason | None) -> None:
    if reason is not None:
        raise DeskAloneError(Message(f"reason.{reason.code}", dict(reason.params)))


def _second(context: DeskContext, inspection: Inspection, made: Review, inspector: ApiKey) -> Second:
    """A reviewer looks too where inspector and model differ about more than the policy leaves to the bench."""
    policy = context.rules().policy
    inspection = with_count(inspection, made.pieces, inspector, made.decided_at)
    case = case_of_stored(policy, inspection)
    terms = policy.terms(case.seller)
    economics, _ = economics_for(terms, case)
    model = inspection.model_condition
    if model is not None and terms.bench is not None and made.condition != model:
        led_to = decisions.disposition_for(context, inspection, model).action
        stake = between(economics, case, (model, led_to), (made.condition, made.disposition.action))
        if stake > terms.bench.differs_up_to:
            return Second(1.0, True)
    return decisions.draw(context, inspection)
