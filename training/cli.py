"""`regrade train`: from photos to an active bundle, in one command that can be stopped and gone on with.

Its settings are the fields of `RunConfig` that have an `Option`: a new one is added there, and nowhere else.
"""

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

import typer

from regrade.training import evaluate_cli, requantize_cli, runs_cli
from regrade.training.run.config import option_name, options_of_train


def register(app: typer.Typer) -> None:
    """Add the commands of the training room to `app`."""
    paragraphs = (train.__doc__ or "").split("\n\n")
    help_text = "\n\n".join(" ".join(lines.split()) for lines in paragraphs)
    app.command("train", help=help_text)(with_settings(train))
    runs_cli.register(app)
    evaluate_cli.register(app)
    requantize_cli.register(app)


def with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """`command`, whose `**settings` become options of their own to typer: one for each option of `RunConfig`.

    An option that is not given is None, so that the run, or the settings it was begun with, decide.
    """
    own = inspect.signature(command)
    kept = [p for p in own.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]

    def run(**given: Any) -> None:
        command(**given)

    argument, *rest = kept
    run.__signature__ = own.replace(parameters=[argument, *_options(), *rest])  # type: ignore[attr-defined]
    return run


def _options() -> Iterator[inspect.Parameter]:
    for name, (kind, text) in options_of_train().items():
        flag = option_name(name)
        if kind is bool:
            flag += f"/--no-{flag[2:]}"
        if get_origin(kind) is tuple:
            kind = list[get_args(kind)[0]]  # type: ignore[misc]
        annotation = Annotated[kind | None, typer.Option(flag, help=text, show_default=False)]  # type: ignore[valid-type]
        yield inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def train(
    category: Annotated[str, typer.Argument(help="A category, or 'all'.")],
    *,
    data_dir: Annotated[
        Path | None,
        typer.Option(help="Register with the service on this data directory. Default: REGRADE_DATA_DIR, else data."),
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--run", help="Folder of the run. Default: runs/<category>-<version>.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a run: that of --run, else the latest of this category.")
    ] = False,
    only: Annotated[
        str | None, typer.Option("--stage", help="Do this stage alone, even if it is done. See `regrade runs show`.")
    ] = None,
    start: Annotated[
        str | None, typer.Option("--from", help="Do this stage anew, then what rests on it or is not done.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Do no stage after this one.")] = None,
    **settings: Any,
) -> None:
    """Train CATEGORY, or all, from labelled photos to a gated, active bundle.

    Stages: fit-classifier, fit-detector, export, quantize, calibrate, evaluate, gate, register. Ctrl-C is safe at any
    time: --resume goes on where the run was stopped, with the settings that it was begun with. A bundle that the gate
    refuses is not registered; the exit status is then 3.
    """
    from importlib.util import find_spec

    if missing := [name for name in ("torch", "torchvision", "onnx", "sklearn") if find_spec(name) is None]:
        raise typer.BadParameter(f"training needs {', '.join(missing)}; install with: pip install 'regrade[train]'")
    from regrade.models.errors import GateRefusedError
    from regrade.training.data.preflight import notices
    from regrade.training.pipeline import StageChoice, execute, plan
    from regrade.training.run_start import Wanted, open_run, resume_command, terminating
    from regrade.training.runs_cli import stage_table

    given = {**settings, **_place(data_dir, settings["out"])}
    if given["leave_out"] is not None:
        given["leave_out"] = tuple(given["leave_out"])
    choice = StageChoice(only, start, until)
    wanted = Wanted(category, folder, resume, choice, {k: v for k, v in given.items() if v is not None})
    with open_run(wanted) as run, terminating():
        try:
            stages = plan(run, choice)
            run.log.info("%d stages to do on %s; log in %s", len(stages), run.device, run.folder / "log.txt")
            for line in notices(run.config, run.categories):
                run.log.warning(line)
            execute(run, stages)
        except KeyboardInterrupt as stopped:
            typer.echo(f"Stopped. Go on with: {resume_command(run)}", err=True)
            raise typer.Exit(getattr(stopped, "status", 130)) from None
        except GateRefusedError as refused:
            typer.echo(f"regrade: {refused}", err=True)
            raise typer.Exit(3) from None
        run.console.print(stage_table(run))


def _place(data_dir: Path | None, out: Path | None) -> dict[str, object]:
    """Where the bundles are to be registered, as settings of a run; empty where nothing was said."""
    from regrade.models.registry.store import is_shipped, site_store

    if out is not None and data_dir is not None:
        raise typer.BadParameter("--out and --data-dir name two places to register in; give one of them")
    if is_shipped(out):
        raise typer.BadParameter(
            f"--out {out}: the bundles that come with the package are never changed; give --data-dir, or another folder"
        )
    if data_dir is not None:
        return {"out": site_store(data_dir).site, "over_defaults": True}
    return {} if out is None else {"out": out}
