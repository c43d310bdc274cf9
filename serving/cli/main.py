"""`regrade`: one command, to which every installed room adds its own.

Rooms are found by the entry-point group `regrade.commands`, so that serving imports no room it may not.
Registering must stay cheap: a command imports what it needs when it runs.
"""

import os
import sys
from importlib.metadata import entry_points
from io import StringIO
from pathlib import Path

import typer
from rich.console import Console
from rich.markup import escape

from regrade.models.errors import RegradeError
from regrade.serving.base.errors import SettingsError


def build_app() -> typer.Typer:
    """The Typer application with the commands of all installed rooms."""
    app = typer.Typer(
        name="regrade",
        help="Grade returned goods from bench photos.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
    )
    for point in sorted(entry_points(group="regrade.commands"), key=lambda p: p.name):
        point.load()(app)
    return app


def main() -> None:
    """Run the command line. An expected error prints its message alone and exits with 2."""
    try:
        read_dotenv()
        build_app()()
    except RegradeError as error:
        # escape(): messages quote patterns and paths, whose brackets are no markup.
        Console(stderr=True).print(f"[bold red]regrade:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(2)


def read_dotenv() -> None:
    """Let `.env` count for every room: all must look for the service's data where the service does.

    Raises `SettingsError` where it cannot be read: going on without it would be with another data directory.
    """
    try:
        if not Path(".env").is_file():
            return
        text = Path(".env").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise SettingsError(
            f"Settings may stand in {Path('.env').absolute()}, which cannot be read: {why}. "
            "Make it readable for the user who runs this, or start in another folder."
        ) from error
    from dotenv import dotenv_values

    for name, value in dotenv_values(stream=StringIO(text)).items():
        if name.upper().startswith("REGRADE_") and value is not None:
            os.environ.setdefault(name.upper(), value)
