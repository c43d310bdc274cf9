"""The documents as a site: every page is in the navigation, every link leads somewhere, nothing is fetched."""

import re
from pathlib import Path

import pytest
import yaml

from tools import site

PROJECT = Path(__file__).parents[1]


class _Loader(yaml.SafeLoader):
    """Of mkdocs.yml, which names a variable of the environment."""


_Loader.add_constructor("!ENV", lambda loader, node: str(node.value))
NAVIGATION = re.findall(r"[\w./-]+\.md", str(yaml.load((PROJECT / "mkdocs.yml").read_text("utf-8"), _Loader)["nav"]))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, made anew. MkDocs is strict: a link or an anchor that leads nowhere fails it."""
    folder = tmp_path_factory.mktemp("site")
    site.build(folder / "site", folder / "pages")
    return folder


def test_every_page_can_be_found_in_the_navigation(built: Path) -> None:
    pages = {path.as_posix() for path in site.stage(built / "again")}
    assert set(NAVIGATION) <= pages
    assert {page for page in pages if "decisions/0" not in page} <= set(NAVIGATION)


def test_pages_and_pictures_are_there(built: Path) -> None:
    start = (built / "site" / "index.html").read_text(encoding="utf-8")
    pictures = [picture for picture in re.findall(r'<img[^>]* src="([^"]+)"', start) if ":" not in picture]
    assert pictures
    for picture in pictures:
        assert (built / "site" / picture).is_file(), picture
    for page in NAVIGATION:
        name = "index.html" if page.endswith("README.md") else f"{Path(page).stem}.html"
        assert (built / "site" / page).with_name(name).is_file(), page


def test_nothing_is_fetched_from_anywhere(built: Path) -> None:
    for page in (built / "site").rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        found = re.findall(r'<(?:script|img|iframe|link)\b[^>]*(?:src|href)="(?:https?:)?//[^"]+"[^>]*>', text)
        assert [one for one in found if 'rel="canonical"' not in one] == [], page


def test_it_can_be_searched(built: Path) -> None:
    assert "pseudonym" in (built / "site" / "search" / "search_index.json").read_text(encoding="utf-8")


def test_a_link_to_nothing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "README.md").write_text("[Nothing](docs/nothing.md)", encoding="utf-8")
    monkeypatch.setattr(site, "PROJECT", tmp_path)
    monkeypatch.setattr(site, "ROOTS", ("README.md",))
    with pytest.raises(FileNotFoundError, match=r"nothing\.md"):
        site.stage(tmp_path / "pages")


def test_what_is_outside_of_the_project_does_not_get_into_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (tmp_path / "secret.md").write_text("", encoding="utf-8")
    (project / "README.md").write_text("[Out](../secret.md)", encoding="utf-8")
    monkeypatch.setattr(site, "PROJECT", project)
    monkeypatch.setattr(site, "ROOTS", ("README.md",))
    with pytest.raises(ValueError, match="not of this project"):
        site.stage(project / "pages")


def test_a_link_to_a_folder_becomes_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "README.md").write_text("See [the documents](docs), [more](https://example.com).", encoding="utf-8")
    monkeypatch.setattr(site, "PROJECT", tmp_path)
    monkeypatch.setattr(site, "ROOTS", ("README.md",))
    assert site.stage(tmp_path / "pages") == [Path("README.md")]
    made = (tmp_path / "pages" / "README.md").read_text(encoding="utf-8")
    assert made == "See the documents, [more](https://example.com)."
