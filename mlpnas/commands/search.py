"""mlpnas search: the main job."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlpnas.plugins import names, shipped
from mlpnas.training.named import SETTINGS

if TYPE_CHECKING:
    from mlpnas.commands._progress import Lines

_SPACES = ", ".join(shipped())
_DATA, _OBJECTIVES, _SAMPLERS = (", ".join(names(kind)) for kind in ("datasets", "objectives", "samplers"))
_RECIPES = ", ".join(SETTINGS)

HOW = """Search a space for the best architectures inside a budget.

    mlpnas search --space asmlp.yaml --budget 15GFLOPs

Every trial is kept on disk as it ends. Ctrl-C ends the search cleanly; --resume goes on."""


def search(
    context: typer.Context,
    space: Annotated[str | None, typer.Option(help=f"A space file, or a shipped space: {_SPACES}.")] = None,
    budget: Annotated[
        list[str] | None,
        typer.Option(metavar="LIMIT", help="Upper bound with its unit: 15GFLOPs, 60Mparams, 12ms. Repeat for more."),
    ] = None,
    fill: Annotated[float, typer.Option(help="Share of the budget that every proposal uses at least.")] = 0.5,
    trials: Annotated[str | None, typer.Option(help="Trials in all (24); +20 with --resume: so many more.")] = None,
    time: Annotated[str | None, typer.Option(help="Start no trial after this time: 30m, 2h.")] = None,
    trial_time: Annotated[str | None, typer.Option(help="End a trial, as a failure, after this time: 10m.")] = None,
    data: Annotated[str | None, typer.Option(help=f"A path (folders, tables, archives) or a source: {_DATA}.")] = None,
    image_column: Annotated[str, typer.Option(help="Of a table of images, where it cannot be guessed.")] = "",
    label_column: Annotated[str, typer.Option(help="Of a table of images, where it cannot be guessed.")] = "",
    skip_bad_images: Annotated[
        bool, typer.Option("--skip-bad-images", help="Go on without images that cannot be read.")
    ] = False,
    flip: Annotated[str, typer.Option(help="Mirror half of the training images: auto, yes or no.")] = "auto",
    objectives: Annotated[str, typer.Option(help=f"The first decides what is best: {_OBJECTIVES}.")] = "top1,macs",
    sampler: Annotated[str, typer.Option(help=f"Who proposes: {_SAMPLERS}.")] = "known_cost",
    stratify: Annotated[bool, typer.Option("--stratify", help="Spread the random sampler over cost.")] = False,
    scores: Annotated[
        str, typer.Option(help="Zero-cost scores to measure beside, for the audit: snip,naswot, or all.")
    ] = "",
    recipe: Annotated[str, typer.Option(help=f"auto, {_RECIPES}, or a JSON or YAML file.")] = "auto",
    fidelity: Annotated[
        str, typer.Option(help="Stop most trainings early: epochs=1,3,9 trains the best third further each time.")
    ] = "",
    backend: Annotated[str, typer.Option(help="ray, or local: one trial at a time without Ray.")] = "ray",
    workers: Annotated[int | None, typer.Option(help="Trials at once; one per core or GPU unless given.")] = None,
    device: Annotated[str | None, typer.Option(help="cpu or cuda; GPUs wherever there are any unless given.")] = None,
    gpus_per_trial: Annotated[float | None, typer.Option(help="Share of a GPU per trial, like 0.25.")] = None,
    address: Annotated[str, typer.Option(help="An existing Ray cluster: auto, or HOST:PORT.")] = "",
    seed: Annotated[int, typer.Option(min=0, help="Same seed and machine, same search with one worker.")] = 0,
    run: Annotated[
        str | None, typer.Option(help="Name under runs/, a path, or s3://BUCKET/PATH; a new name unless given.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with --run; options that decide what results mean stay.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One event a line.")] = False,
) -> None:
    from mlpnas.commands._view import progress

    with progress(as_json) as view:
        try:
            from mlpnas.engine.search import search as run_search

            run_search(**_given(context), listener=view, command=_command())
        except KeyboardInterrupt:
            view.interrupted()
            raise typer.Exit(130) from None
        finally:
            if view.state.has_ended:
                _write_report(view)


def _write_report(view: "Lines") -> None:

    from mlpnas.errors import MlpnasError
    from mlpnas.report import write_report
    from mlpnas.run import Run

    try:
        view.reported(write_report(Run(view.state.folder)))
    except (OSError, MlpnasError) as error:  # a full disk must not hide how the search ended
        view.write(f"no report: {error}")


def _given(context: typer.Context) -> dict[str, Any]:
    """The options that stand on the command line; a resume treats them otherwise than defaults."""
    sources = {name: context.get_parameter_source(name) for name in context.params if name != "as_json"}
    return {name: context.params[name] for name, source in sources.items() if source and source.name != "DEFAULT"}


def _command() -> str:
    import shlex

    return shlex.join(["mlpnas", *sys.argv[1:]])


search.__doc__ = HOW
