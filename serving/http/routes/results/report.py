"""Figures of results as one HTML file that needs nothing else: no script, and no address outside."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from regrade.serving.base.i18n import text
from regrade.serving.http.routes.desk.item_words import stamp
from regrade.serving.http.routes.desk.templates import PAGES
from regrade.serving.http.routes.results.faults import labels
from regrade.serving.http.routes.results.sections import Section

_STYLES = (PAGES / "tokens.css", *(PAGES / "desk" / name for name in ("desk.css", "quality.css", "results.css")))


def report_page(
    sections: Sequence[Section],
    asked: Mapping[str, str],
    items: int,
    made: datetime,
    lang: str,
    *,
    simulated: bool = False,
) -> str:
    """The report, in `lang`; `asked` are the filters as they were given. `simulated`: the history is made up."""
    folders = [PAGES / "results", PAGES / "desk"]
    pages = Environment(loader=FileSystemLoader(folders), autoescape=True, undefined=StrictUndefined)
    words = {"t": lambda key, **given: text(key, lang, **given)}
    macros = pages.get_template("results_macros.html").make_module(words)
    # Our own files, not what anybody sends.
    style = Markup("\n".join(path.read_text(encoding="utf-8") for path in _STYLES))
    return pages.get_template("report.html").render(
        lang=lang,
        section=macros.section,  # type: ignore[attr-defined]  # a macro of the template
        sections=sections,
        asked=asked,
        labels=labels(lang),
        items=items,
        made=stamp(made),
        style=style,
        simulated=simulated,
        **words,
    )
