"""`regrade serve`: run the service."""

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    from regrade.serving.base.settings import Settings

    fields = Settings.model_fields
    listed = "\n\n".join(
        f"REGRADE_{name.upper()} (default: {field.default}) — {field.description}" for name, field in fields.items()
    )
    app.command(name="serve", help=f"{serve.__doc__}\n\nSettings, from the environment or a .env file:\n\n{listed}")(
        serve
    )


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Where the database, photos and keys are kept.")] = None,
    workers: Annotated[int | None, typer.Option(help="Threads that look at photos; 0: one per core.")] = None,
    policy: Annotated[Path | None, typer.Option(help="Disposition policy (YAML).")] = None,
    rubric_dir: Annotated[
        Path | None, typer.Option(help="Rubrics (YAML) in place of the shipped ones, and those of sellers.")
    ] = None,
    log_level: Annotated[str | None, typer.Option(help="critical, error, warning, info or debug.")] = None,
) -> None:
    """Run the service. The first start on a data directory prints an admin key, once."""
    import logging
    import os

    from regrade.serving.base.settings import load_settings
    from regrade.serving.connections.descriptors import raise_limit
    from regrade.serving.connections.listen import listen
    from regrade.serving.http.app import announce_on_stdout, create_app
    from regrade.serving.http.server import build_server, set_up_logging
    from regrade.serving.runtime import Runtime
    from regrade.serving.telemetry.process_memory import collect_garbage_seldom

    # What is kept makes itself private; this also holds for what libraries write beside it.
    os.umask(0o077)
    settings = load_settings(
        host=host,
        port=port,
        data_dir=data_dir,
        workers=workers,
        policy_file=policy,
        rubric_dir=rubric_dir,
        log_level=log_level,
    )
    set_up_logging(settings)
    raise_limit()
    failures: list[Exception] = []
    first_keys: list[str] = []

    def announce() -> None:  # below what is logged of the start, where it is seen
        while first_keys:
            announce_on_stdout(first_keys.pop(), str(settings.data_dir))

    def stop(error: Exception) -> None:
        failures.append(error)
        server.should_exit = True

    # Both made here and not when the server starts, so that what is wrong is one line and not a traceback.
    with ExitStack() as stack:
        sockets = [stack.enter_context(one) for one in listen(settings)]
        app = create_app(
            settings, runtime=Runtime(settings), announce=first_keys.append, on_failure=stop, on_loaded=announce
        )
        server = build_server(app, settings)
        for one in sockets:
            address, number = one.getsockname()[:2]
            shown = f"[{address}]" if ":" in address else address
            logging.getLogger("regrade").info("listening on http://%s:%d", shown, number)
        collect_garbage_seldom()
        server.run(sockets=sockets)
    if failures:
        raise failures[0]
    if not server.started:
        raise typer.Exit(3)
