"""A label as HTML: a document of its own, which any browser prints at its size."""

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from regrade.serving.http.labels.fields import Label, Size, qr_rows

PAGES: Final = Path(__file__).resolve().parents[2] / "pages"


def html_of(label: Label, size: Size, lang: str) -> tuple[str, dict[str, str]]:
    """The document, and the headers that keep it from loading or running anything."""
    style = _style(size)
    rows = qr_rows(label.address)
    # One path for all dark modules: a run of them is a line, so that no seams show.
    path = "".join(f"M{x} {y}h1v1h-1z" for y, row in enumerate(rows) for x, dark in enumerate(row) if dark)
    values = {"label": label, "size": size, "lang": lang, "style": style, "path": path, "side": len(rows)}
    policy = (
        f"default-src 'none'; style-src 'sha256-{_digest(style)}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )
    headers = {"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
    return _templates().get_template("document.html").render(values), headers


@cache
def _style(size: Size) -> str:
    files = (PAGES / "label.css", PAGES / f"label-{size}.css")
    return "\n".join(file.read_text(encoding="utf-8") for file in files)


def _digest(style: str) -> str:
    return base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()


@cache
def _templates() -> Environment:
    return Environment(loader=FileSystemLoader(PAGES / "label"), autoescape=True, undefined=StrictUndefined)
