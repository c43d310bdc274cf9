"""docs/cli.md: every command with its arguments and options, as `--help` has them."""

import inspect
from collections.abc import Iterator
from typing import Any, Final

import typer

from regrade.serving.cli.main import build_app

HEAD: Final = """# The command line

Written by `make docs` from the commands themselves; change them there. `--help` of each says the same; every setting of
the service is in [settings.md](settings.md).
"""


def page() -> str:
    """The whole page in Markdown, commands in the order of `regrade --help`."""
    root: Any = typer.main.get_command(build_app())
    return "\n".join([HEAD, *_sections(root, typer.Context(root, info_name="regrade"))])


def _sections(command: Any, context: Any) -> Iterator[str]:
    """Of a command, and of all below it. A group that does something by itself comes before its commands."""
    yield from _section(command, context)
    for name in command.list_commands(context) if hasattr(command, "list_commands") else ():
        child = command.get_command(context, name)
        yield from _sections(child, typer.Context(child, info_name=name, parent=context))


def _section(command: Any, context: Any) -> Iterator[str]:
    yield f"## {context.command_path}\n\n{_said(command)}\n"
    yield f"```\n{context.command_path} {' '.join(command.collect_usage_pieces(context))}\n```\n"
    records = [param.get_help_record(context) for param in command.get_params(context)]
    rows = [f"| `{_cell(name)}` | {_cell(said)} |" for name, said in filter(None, records) if name != "--help"]
    if rows:
        yield "| argument or option | what it does |\n|---|---|\n" + "\n".join(rows) + "\n"


def _said(command: Any) -> str:
    """What the command's function says of itself; help that is put together at run time may add the settings."""
    return inspect.getdoc(command.callback) or command.help or ""


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
