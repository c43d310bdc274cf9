"""A replay on the terminal: what matters of it, in a screenful or two."""

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from regrade.serving.base.dispositions import ACTIONS
from regrade.serving.base.i18n import text
from regrade.serving.replay.policy import Part, PolicyReplay
from regrade.serving.replay.rubric import RubricChange, RubricReplay
from regrade.serving.replay.words import (
    amount,
    because,
    change_words,
    doubt_words,
    grade_name,
    reason_name,
    signed,
    versions,
)


def print_policy(replay: PolicyReplay, lang: str) -> None:
    """Print a policy's replay."""
    console, total = Console(highlight=False), replay.total
    say = Say(console, lang)
    say("replay.policy_items", items=total.items, humans=replay.by_human, policy=replay.policy.label)
    say("replay.decided_under", versions=versions(replay.decided_under))
    _print_left_out(say, replay)
    for why, group in sorted(replay.undecidable.items()):
        say("replay.undecidable", items=group.items, why=why, examples=", ".join(group.examples))
    if not total.items:
        return
    say("replay.changed_actions", items=total.changed)
    console.print(_matrix(replay.actions, ACTIONS, lang))
    days = max(1, len(replay.days))
    say(
        "replay.review",
        newly=total.newly,
        no_longer=total.no_longer,
        before=f"{total.review_before / days:.1f}",
        after=f"{total.review_after / days:.1f}",
    )
    for key, counts in (
        ("replay.newly_because", replay.newly_because),
        ("replay.gone_because", replay.no_longer_because),
    ):
        if counts:
            listed = ", ".join(f"{reason_name(code, lang)} {n}" for code, n in counts.most_common())
            say(key, reasons=listed)
    _print_recovery(say, replay, lang)
    for title, parts in (("replay.by_category", replay.by_category), ("replay.by_seller", replay.by_seller)):
        console.print(_parts(title, parts, replay.policy.currency, lang))
    for (action, _), words in sorted(replay.words.items(), key=lambda pair: pair[0]):
        group = replay.violations[action, words.en]
        say("replay.violation", items=group.items, action=action, because=because(words, lang))
    if replay.largest:
        console.print(_largest(replay, lang))


def print_rubric(replay: RubricReplay, lang: str) -> None:
    """Print a rubric's replay."""
    say = Say(Console(highlight=False), lang)
    if not replay.parts:
        say("replay.nothing_new")
    for _, part in sorted(replay.parts.items()):
        _print_change(part, say, lang)
    say("replay.untouched", items=replay.untouched)
    _print_left_out(say, replay)


def _print_left_out(say: "Say", replay: PolicyReplay | RubricReplay) -> None:
    if replay.ungraded:
        say("replay.ungraded", items=replay.ungraded)
    if replay.erased:
        say("replay.erased", items=replay.erased)


class Say:
    """Prints a text of the catalogue."""

    def __init__(self, console: Console, lang: str) -> None:
        self.console = console
        self._lang = lang

    def __call__(self, key: str, /, **params: str | float) -> None:
        # Text: what a seller or a policy's author wrote is no markup.
        self.console.print(Text(text(key, self._lang, **params)), soft_wrap=True)


def _print_recovery(say: Say, replay: PolicyReplay, lang: str) -> None:
    total, currency = replay.total, replay.policy.currency
    say(
        "replay.recovery",
        difference=signed(total.difference, currency, lang),
        recorded=amount(total.recorded, currency, lang),
        new=amount(total.recovery, currency, lang),
        figures=signed(total.by_figures, currency, lang),
        actions=signed(total.by_actions, currency, lang),
    )
    if total.unpriced:
        say("replay.unpriced", items=total.unpriced)


def _print_change(part: RubricChange, say: Say, lang: str) -> None:
    say("replay.rubric", old=part.old.label, new=part.new.label, items=part.items, humans=part.by_human)
    for change in part.changes:
        say.console.print(Text(f"  {change_words(change, lang)}"))
    if part.decided_under:
        say("replay.decisions_by_rubric", versions=versions(part.decided_under, text("replay.no_rubric", lang)))
    say("replay.changed_grades", items=part.changed)
    if part.items:
        say.console.print(_matrix(part.grades, (), lang))
    for line in doubt_words(part, lang):
        say.console.print(Text(line), soft_wrap=True)
    for look in part.sample:
        say.console.print(Text(f"  {look.id}  {text(f'condition.{look.condition}', lang)}"))


def _matrix(counts: Mapping[str, Mapping[str, int]], order: Sequence[str], lang: str) -> Table:
    """Rows are what was, columns what would be; `order` are actions, or none for grade names."""
    found = {*counts, *(name for row in counts.values() for name in row)}
    names = [name for name in order if name in found] or sorted(found)

    def title(name: str) -> Text:
        return Text(text(f"action.{name}", lang) if order else grade_name(name, lang))

    table = Table(text("replay.was_becomes", lang))
    for name in names:
        table.add_column(title(name), justify="right")
    for old in names:
        cells = [counts.get(old, {}).get(new, 0) for new in names]
        if any(cells):
            table.add_row(title(old), *(Text(str(n) if n else "", "" if n == 0 or old == new else "bold")
                                        for new, n in zip(names, cells, strict=True)))  # fmt: skip
    return table


def _parts(title: str, parts: Mapping[str, Part], currency: str, lang: str) -> Table:
    heads = ("replay.items", "replay.other_action", "replay.newly", "replay.no_longer", "replay.difference")
    table = Table(text(title, lang), *(text(head, lang) for head in heads))
    for column in table.columns[1:]:
        column.justify = "right"
    largest = sorted(parts.items(), key=lambda pair: (-abs(pair[1].difference), pair[0]))
    for name, part in largest[:10]:
        counts = (part.items, part.changed, part.newly, part.no_longer)
        shown = Text(name or text("replay.no_seller", lang))
        table.add_row(shown, *(str(count) for count in counts), signed(part.difference, currency, lang))
    if len(largest) > 10:
        table.caption = text("replay.more_in_json", lang, count=len(largest) - 10)
    return table


def _largest(replay: PolicyReplay, lang: str) -> Table:
    heads = ("replay.inspection", "replay.category", "replay.was_becomes", "replay.difference")
    table = Table(*(text(head, lang) for head in heads), title=text("replay.largest", lang))
    table.columns[3].justify = "right"
    for outcome in replay.largest:
        actions = " → ".join(text(f"action.{name}", lang) for name in dict.fromkeys((outcome.old, outcome.new)))
        difference = signed(outcome.difference, replay.policy.currency, lang)
        table.add_row(outcome.id, outcome.category, actions, difference)
    return table
