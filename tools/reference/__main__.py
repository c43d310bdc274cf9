"""`python -m tools.reference`: write the reference pages anew."""

from pathlib import Path

from tools.reference.pages import PAGES

if __name__ == "__main__":
    for name, page in PAGES.items():
        (Path(__file__).parents[2] / name).write_text(page(), encoding="utf-8")
