"""The commands of the serving room; each module holds one and a `register(app)`."""

from importlib import import_module

import typer

MODULES = (
    *("serve", "keys", "store", "backup", "evidence", "erase", "policy", "rubric", "replay", "models", "grade"),
    *("demo", "plan", "audit"),
)


def register(app: typer.Typer) -> None:
    """Add the serving room's commands to `app`."""
    for name in MODULES:
        import_module(f"regrade.serving.cli.{name}").register(app)
