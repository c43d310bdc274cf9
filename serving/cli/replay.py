"""`regrade replay`: what a new policy or rubric would have changed in past items, before it goes live."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import datetime

    from regrade.serving.replay.past import Past, Span
    from regrade.serving.storage.records import Inspection


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command(name="replay")(replay)


def replay(
    policy: Annotated[Path | None, typer.Option("--policy", help="The new policy.")] = None,
    rubric: Annotated[
        list[Path] | None, typer.Option("--rubric", help="A new rubric; again for each that changes with it.")
    ] = None,
    regraded: Annotated[
        Path | None,
        typer.Option(help="What another bundle makes of the items: a folder of `regrade regrade --from store`."),
    ] = None,
    since: Annotated[str | None, typer.Option(help="From this day (UTC) or moment on.")] = None,
    until: Annotated[str | None, typer.Option(help="To the end of this day (UTC), or before this moment.")] = None,
    seller: Annotated[str | None, typer.Option("--seller", "-s", help="Only this seller's items.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="The service's data directory.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything that was counted as JSON.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write a report to this HTML file.")] = None,
    with_photos: Annotated[
        bool | None,
        typer.Option(
            "--with-photos/--without-photos",
            help="Small photos of the listed items in the report; with, where they are at hand, if left out.",
            show_default=False,
        ),
    ] = None,
    desk_url: Annotated[
        str | None,
        typer.Option(
            "--desk-url",
            "--url",
            help="The service's address as its users write it, for links to the desk; as it is set if left out.",
            show_default=False,
        ),
    ] = None,
    lang: Annotated[str, typer.Option(help="Language of the report: en or zh-CN.")] = "en",
    rubric_dir: Annotated[Path | None, typer.Option(help="Rubrics now in force, as REGRADE_RUBRIC_DIR.")] = None,
) -> None:
    """Apply a new policy, rubric or bundle to stored inspections and count what would change. Nothing is stored.

    The service may run meanwhile. What the model saw and what people decided is taken as it is stored: a new rubric
    text cannot judge photos anew, so the decisions that it casts doubt on are counted, and some are drawn for another
    look. With --regraded, the grades of another bundle take the place of the stored ones, under the policy in force or
    the one that is named. Exits with 0 whatever is found, and with 2 where something cannot be read.
    """
    import json

    from regrade.serving.base.errors import ReplayError
    from regrade.serving.base.i18n import LANGUAGES, Language, text
    from regrade.serving.base.settings import load_settings
    from regrade.serving.bulk.output import read_graded
    from regrade.serving.cli.bundles import categories_here, tables_here
    from regrade.serving.installation.data_dir import open_to_read
    from regrade.serving.policy.load import load_policy
    from regrade.serving.replay.document import policy_document, rubric_document
    from regrade.serving.replay.page import Photos, policy_page, rubric_page
    from regrade.serving.replay.past import Past, Span
    from regrade.serving.replay.policy import PolicyReplay
    from regrade.serving.replay.regraded import regraded as regraded_items
    from regrade.serving.replay.rubric import RubricReplay
    from regrade.serving.replay.summary import print_policy, print_rubric
    from regrade.serving.rubric.in_force import names
    from regrade.serving.rubric.load import load_rubrics

    if regraded is not None and (rubric or since or until or seller):
        raise ReplayError("--regraded says itself which items are meant; only --policy goes with it.")
    if regraded is None and (policy is None) == (not rubric):
        raise ReplayError("Name either the new policy (--policy FILE) or the new rubrics (--rubric FILE).")
    if with_photos and out is None:
        raise ReplayError("--with-photos puts photos into a report: name its file with --out.")
    if lang not in LANGUAGES:
        raise ReplayError(f"There are no texts in {lang!r}. Legal values: {', '.join(LANGUAGES)}.")
    settings = load_settings(data_dir=data_dir, rubric_dir=rubric_dir)
    span = Span(moment(since, "--since"), moment(until, "--until", whole_day=True), seller)
    base = desk_url or f"http://{settings.host}:{settings.port}"
    categories = categories_here(settings.data_dir)
    lang = Language(lang, names(categories, lang))
    photos = None if with_photos is False else Photos(settings)
    if regraded is not None:
        span = _span_of(regraded)
    if policy is not None or regraded is not None:
        tally = PolicyReplay(load_policy(policy or settings.policy_file, categories, tables_here(settings.data_dir)))
        with Past(open_to_read(settings), span) as past:
            items = _watched(past)
            tally.add_all(items if regraded is None else regraded_items(items, read_graded(regraded)))
        document = policy_document(tally, span, base)
        page = None if out is None else policy_page(tally, span, base, lang, photos, simulated=past.simulated)
        if not as_json:
            print_policy(tally, lang)
    else:
        rubrics = load_rubrics(settings.rubric_dir, (), categories)
        changed = RubricReplay(rubrics, load_rubrics(settings.rubric_dir, rubric or (), categories))
        with Past(open_to_read(settings), span) as past:
            changed.add_all(_watched(past))
        document = rubric_document(changed, span, base)
        page = None if out is None else rubric_page(changed, span, base, lang, photos, simulated=past.simulated)
        if not as_json:
            print_rubric(changed, lang)
    if past.simulated:
        typer.echo(text("replay.simulated", lang), err=True)
    if as_json:
        typer.echo(json.dumps(document, ensure_ascii=False, indent=2))
    if out is not None and page is not None:
        try:
            out.write_text(page, encoding="utf-8")
        except OSError as error:
            raise ReplayError(f"Cannot write the report {out}: {error.strerror}.") from error


def _span_of(folder: Path) -> "Span":
    """The items that a folder was graded from. Raises `ReplayError` where they are no stored ones."""
    from regrade.serving.base.errors import ReplayError
    from regrade.serving.bulk.output import read_manifest
    from regrade.serving.replay.past import Span

    source = read_manifest(folder).source
    if source["kind"] != "store":
        raise ReplayError(f"{folder} was graded from a folder of photos, of which nothing was decided.")
    since, until = source["since"], source["until"]
    return Span(moment(since, "--since"), moment(until, "--until", whole_day=True), source["seller"])


def _watched(past: "Past") -> "Iterator[Inspection]":
    """The inspections of `past`, with a bar on standard error while they are read."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield from progress.track(past, total=past.count(), description="Replaying")


def moment(written: str | None, option: str, whole_day: bool = False) -> "datetime.datetime | None":
    """A moment in UTC: that written (RFC 3339), or the begin of a day; with `whole_day` its end."""
    import datetime

    from regrade.serving.base.errors import ReplayError

    if written is None:
        return None
    try:
        if len(written) == len("2026-11-01"):
            day = datetime.date.fromisoformat(written) + datetime.timedelta(days=whole_day)
            return datetime.datetime.combine(day, datetime.time(), datetime.UTC)
        found = datetime.datetime.fromisoformat(written)
    except (ValueError, OverflowError) as error:
        raise ReplayError(
            f"{option}: {written!r} is neither a day nor a moment; write 2026-11-01 or 2026-11-01T08:00:00Z."
        ) from error
    if found.tzinfo is None:
        raise ReplayError(f"{option}: {written!r} does not say its time zone; write 2026-11-01T08:00:00Z.")
    return found.astimezone(datetime.UTC)
