"""The commands of the serving room; each module holds one and a `register(app)`."""

from importlib import import_module

import typer

MODULES = (
    *(
        "cli.serve",
        "cli.access.keys",
        "cli.access.stations",
        "cli.access.people",
        "cli.data.store",
        "cli.data.backup",
        "cli.data.evidence",
        "cli.data.erase",
    ),
    *("cli.policy", "cli.promise", "cli.rubric", "cli.replay", "cli.models", "cli.grade", "demo.command", "cli.plan"),
    *("cli.data.catalogue", "cli.data.audit", "cli.data.webhooks", "cli.data.report", "cli.data.regrade"),
    "cli.doctor",
)
"""In the order of `regrade --help`. By name: a command costs nothing before it runs, and nothing imports the demo."""


def register(app: typer.Typer) -> None:
    """Add the serving room's commands to `app`."""
    for name in MODULES:
        import_module(f"regrade.serving.{name}").register(app)
