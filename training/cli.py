"""`regrade train`: from photos to an active bundle, in one command that can be stopped and gone on with."""

from pathlib import Path
from typing import Annotated

import typer

from regrade.training import evaluate_cli, runs_cli


def register(app: typer.Typer) -> None:
    """Add the commands of the training room to `app`."""
    paragraphs = (train.__doc__ or "").split("\n\n")
    app.command("train", help="\n\n".join(" ".join(lines.split()) for lines in paragraphs))(train)
    runs_cli.register(app)
    evaluate_cli.register(app)


def train(
    category: Annotated[str, typer.Argument(help="A category, or 'all'.")],
    data: Annotated[
        Path | None, typer.Option(help="Manifest or its folder. Default: REGRADE_BENCH, else ../shared/data/bench.")
    ] = None,
    categories: Annotated[
        Path | None, typer.Option(help="Folder of category definitions. Default: those shipped.")
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(help="Register with the service on this data directory. Default: REGRADE_DATA_DIR, else data."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Register in this folder of bundles, and with no service.")] = None,
    version: Annotated[str | None, typer.Option(help="Version of the bundle. Default: year.month.number.")] = None,
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
    seed: Annotated[int | None, typer.Option(help="Seed of everything drawn. Default: 0.")] = None,
    alpha: Annotated[float | None, typer.Option(help="Promised error of automatic grades. Default: 0.05.")] = None,
    delta: Annotated[float | None, typer.Option(help="Risk that the promise does not hold. Default: 0.1.")] = None,
    epochs: Annotated[
        int | None, typer.Option(help="Epochs of the classifier. Default: by device, fewer without a GPU.")
    ] = None,
    detector_epochs: Annotated[int | None, typer.Option(help="Epochs of the detector. Default: by device.")] = None,
    detector_weights: Annotated[
        Path | None, typer.Option(help="Weights that the detector starts from. Default: YOLO26n, trained on COCO.")
    ] = None,
    detector: Annotated[
        bool | None, typer.Option("--detector/--no-detector", help="Train a detector too. Default: yes.")
    ] = None,
    leave_out: Annotated[
        list[str] | None, typer.Option(help="A source whose photos no fit may see; may be given again.")
    ] = None,
    synthesis: Annotated[
        bool | None, typer.Option("--synthesis/--no-synthesis", help="Draw damage onto photos. Default: yes.")
    ] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda or cuda:N. Default: auto.")] = None,
    cache: Annotated[Path | None, typer.Option(help="Folder of what is computed once. Default: .cache.")] = None,
    activate: Annotated[
        bool | None, typer.Option("--activate/--no-activate", help="Activate a bundle that passes. Default: yes.")
    ] = None,
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
    from regrade.training.pipeline import Choice, execute, plan
    from regrade.training.run_start import Wanted, open_run, resume_command, terminating
    from regrade.training.runs_cli import stage_table

    given = {
        "data": data,
        "categories": categories,
        **_place(data_dir, out),
        "version": version,
        "seed": seed,
        "alpha": alpha,
        "delta": delta,
        "epochs": epochs,
        "detector_epochs": detector_epochs,
        "detector_weights": detector_weights,
        "detector": detector,
        "leave_out": tuple(leave_out) if leave_out else None,
        "synthesis": synthesis,
        "device": device,
        "cache": cache,
        "activate": activate,
    }
    choice = Choice(only, start, until)
    wanted = Wanted(category, folder, resume, choice, {k: v for k, v in given.items() if v is not None})
    with open_run(wanted) as run, terminating():
        try:
            stages = plan(run, choice)
            run.log.info("%d stages to do on %s; log in %s", len(stages), run.device, run.folder / "log.txt")
            execute(run, stages)
        except KeyboardInterrupt as stopped:
            typer.echo(f"Stopped. Go on with: {resume_command(run)}", err=True)
            raise typer.Exit(getattr(stopped, "status", 130)) from None
        except GateRefusedError as refused:
            typer.echo(f"regrade: {refused}", err=True)
            raise typer.Exit(3) from None
        run.console.print(stage_table(run))


def _place(data_dir: Path | None, out: Path | None) -> "dict[str, object]":
    """Where the bundles are to be registered, as settings of a run; empty where nothing was said."""
    from regrade.models.bundle_store import is_shipped, site_store

    if out is not None and data_dir is not None:
        raise typer.BadParameter("--out and --data-dir name two places to register in; give one of them")
    if is_shipped(out):
        raise typer.BadParameter(
            f"--out {out}: the bundles that come with the package are never changed; give --data-dir, or another folder"
        )
    if data_dir is not None:
        return {"out": site_store(data_dir).site, "over_defaults": True}
    return {} if out is None else {"out": out}
