"""What the page of models says of a category: charts once there are two weeks, and words for every state of a claim."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from regrade.datasets.category import load_categories
from regrade.models.registry.trials import Trial
from regrade.models.types import CONDITIONS
from regrade.serving.candidates.broken import Watched
from regrade.serving.candidates.comparison import claims, figures
from regrade.serving.candidates.overview import CategoryState, Comparison
from regrade.serving.candidates.pairs import Opinion, Pair
from regrade.serving.http.routes.desk.model_words import views
from regrade.serving.policy.load import load_policy
from regrade.serving.policy.promise.told import Told

MONDAY = datetime(2026, 11, 16, 12, tzinfo=UTC)
TRIAL = Trial("apparel", "2026.12.1", "2026.11.6", "shadow", MONDAY.isoformat(), "ann")
PROMISE = Told("apparel", 35.0, "USD", "", promised=True, share=0.2, loss=0.3, more={500: 0.4, 2000: 0.6})


def opinion(condition: str, sure: float = 0.97) -> Opinion:
    return Opinion({c: sure if c == condition else (1 - sure) / 3 for c in CONDITIONS}, frozenset(), alone=True)


def state(days: int = 14, each: int = 5) -> CategoryState:
    policy = load_policy(categories=load_categories())
    pairs = [
        Pair(
            f"{day}-{n}", "acme", f"LA-0{n % 2}", at, opinion("opened"), opinion("used"), False, False, "used", at, True
        )
        for day in range(days)
        for n in range(each)
        for at in (MONDAY + timedelta(days=day, minutes=n),)
    ]
    parts = {p: figures(policy, "apparel", pairs, p) for p in ("week", "station", "seller")}
    overall = next(iter(figures(policy, "apparel", pairs)), None)
    compared = Comparison(
        overall, parts["week"], parts["station"], parts["seller"], claims(policy, "apparel", pairs, 0.1)
    )
    return CategoryState(
        "apparel", "2026.11.6", True, None, ("2026.12.1",), TRIAL, compared, (), (), PROMISE, 70, 100, 25
    )


def test_there_is_a_chart_of_each_figure_once_there_are_two_weeks() -> None:
    (view,) = views([state()], "USD", "en")
    assert [title.split(",")[0] for title, _ in view.charts] == [
        "Condition right",
        "Loss an item",
        "Go without a person",
    ]
    assert all('class="level"' in chart and "<circle" in chart for _, chart in view.charts)
    (short,) = views([state(days=6)], "USD", "en")
    assert short.charts == []


def test_figures_and_parts_are_told_with_their_intervals() -> None:
    (view,) = views([state()], "USD", "en")
    assert [row.name for row in view.rows][:2] == ["Condition right", "Loss an item"]
    assert (view.rows[0].active, view.rows[0].difference) == ("0% (0% – 0%)", "+100% (100% – 100%)")
    assert [(title, [row.name for row in rows]) for title, rows in view.parts] == [
        ("Station", ["LA-00", "LA-01"]),
        ("Seller", ["acme"]),
    ]


def test_claims_are_told_in_words_in_both_languages() -> None:
    (early,), (late,) = views([state(1)], "USD", "en"), views([state(60, 7)], "USD", "en")
    assert "are expected to show it" in early.claims[0][1]
    assert late.claims[0] == (True, "Money: after 420 blind looks, no worse by more than $0.42 is shown.")
    (none,) = views([state(0)], "USD", "en")
    assert none.claims[0][1] == "Money: no blind look yet, so nothing can be said."
    assert none.rows == []
    (chinese,) = views([state(1)], "USD", "zh-CN")
    assert chinese.claims[0][1].startswith("金额损失：经 5 次盲评尚未证明")


def test_what_it_takes_is_told_and_drawn() -> None:
    (view,) = views([state()], "USD", "en")
    assert view.so_far == (
        "Items decided by people so far: 70. Of the last 26 weeks' items, 25% went without a person. "
        "Looks like those that the promise lets go lost $0.30 on average."
    )
    assert view.expected == "The promise lets 20% of items go; with 500 more looks like those so far, 40% are expected."
    assert view.curve is not None
    nothing = replace(state(), promise=Told("apparel", 35.0, "USD", ""))
    (bare,) = views([nothing], "USD", "en")
    assert (bare.curve, bare.expected) == (
        None,
        "Nothing is promised in money, so more looks free nothing by themselves.",
    )


def test_a_promise_is_told_with_what_was_found_and_trials_come_first() -> None:
    kept = Watched("harm", 40, 0.01, 0.025, 3.0, 20.0, broken=False)
    broken = Watched("money", 40, 0.85, 3.2, 90.0, 20.0, broken=True)
    other = replace(state(), category="packaging", trial=None, comparison=None, watched=(kept, broken))
    first, second = views([other, state()], "USD", "en")
    assert (first.state.category, second.state.category) == ("apparel", "packaging")
    assert [one for one, _ in second.watched] == [False, True]
    assert second.watched[1][1] == "Money: $3.20 on 40 blind looks, promised at most $0.85. The promise is broken."
