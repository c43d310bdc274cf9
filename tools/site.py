"""The documents as a site that needs no network: opened as files, or searched too where they are served.

    .venv/bin/python -m tools.site          # or `make site`: build/site/index.html
    python3 -m http.server --directory build/site --bind 127.0.0.1

README and what it leads to stay where they are: copies of them, and of whatever they link to, are laid out by the same
paths, and MkDocs makes pages of those in Markdown. A link to a folder leads nowhere on a site and becomes plain text.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

PROJECT: Final = Path(__file__).parents[1]
BUILD: Final = PROJECT / "build"
ROOTS: Final = ("README.md", "CONTRIBUTING.md", "docs/decisions/README.md")
"""All pages can be reached from these."""
_LINK: Final = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s#]+)?(#[^)\s]*)?\)")


def links(text: str) -> Iterator[str]:
    """The files that a Markdown text links to, as it names them."""
    for found in _LINK.finditer(text):
        if (target := found[3]) and "://" not in target and not target.startswith("mailto:"):
            yield target


def stage(folder: Path) -> list[Path]:
    """Lay out copies of all pages, and of the files that they link to, in `folder`, which is made anew; the pages,
    relative to it.

    Raises `FileNotFoundError` for a link that leads nowhere, and `ValueError` for one that leads out of the project.
    """
    shutil.rmtree(folder, ignore_errors=True)
    waiting, seen = [PROJECT / root for root in ROOTS], set[Path]()
    while waiting:
        file = waiting.pop()
        if file in seen:
            continue
        seen.add(file)
        target = folder / file.relative_to(PROJECT)
        target.parent.mkdir(parents=True, exist_ok=True)
        if file.suffix != ".md":
            shutil.copyfile(file, target)
            continue
        text = file.read_text(encoding="utf-8")
        target.write_text(_LINK.sub(partial(_on_a_site, file), text), encoding="utf-8")
        for link in links(text):
            linked = (file.parent / link).resolve()
            if not linked.exists():
                raise FileNotFoundError(f"{file.relative_to(PROJECT)} links to {link}, which does not exist.")
            if not linked.is_relative_to(PROJECT):
                raise ValueError(f"{file.relative_to(PROJECT)} links to {link}, which is not of this project.")
            if linked.is_file():
                waiting.append(linked)
    return sorted(file.relative_to(PROJECT) for file in seen if file.suffix == ".md")


def _on_a_site(file: Path, found: re.Match[str]) -> str:
    leads_to_a_folder = found[3] and "://" not in found[3] and (file.parent / found[3]).is_dir()
    return found[2] if leads_to_a_folder else found[0]


def build(site: Path = BUILD / "site", pages: Path = BUILD / "pages") -> None:
    """Make the site in the folder `site`; raises `CalledProcessError` where MkDocs finds anything wrong with it."""
    stage(pages)
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(site)]
    subprocess.run(command, cwd=PROJECT, env={**os.environ, "REGRADE_PAGES": str(pages)}, check=True)


if __name__ == "__main__":
    build()
