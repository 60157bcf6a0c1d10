"""mlpnas space check|show|sample|schema: inspect a space before anything is trained."""

import json
from typing import Annotated, Any

import typer

from mlpnas.commands._terminal import say
from mlpnas.plain_text import plural
from mlpnas.plugins import shipped

app = typer.Typer(help="Check, show and sample a space file.", no_args_is_help=True)

File = Annotated[str, typer.Argument(help=f"A space file, or a shipped space: {', '.join(shipped())}.")]
Budgets = Annotated[
    list[str], typer.Option("--budget", help="Upper bound with its unit: 15GFLOPs, 60Mparams. Repeat for more.")
]


@app.command()
def check(file: File) -> None:
    """Check a space file and name every mistake with its line."""
    from mlpnas.space import SearchSpace

    space = SearchSpace.load(file)
    found = plural(len(space.questions), "question"), plural(space.tables.count(), "architecture")
    say(f"{space.source}: fine, {', '.join(found)}")


@app.command()
def show(file: File, budget: Budgets = []) -> None:  # noqa: B006
    """Show the tree of questions, the number of architectures, their costs, and the share inside a budget."""
    from mlpnas.space import SearchSpace
    from mlpnas.space.show import lines

    say("\n".join(lines(SearchSpace.load(file), budget)))


@app.command()
def sample(
    file: File,
    budget: Budgets = [],  # noqa: B006
    count: Annotated[int, typer.Option(min=1, help="How many.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same architectures.")] = 0,
    fill: Annotated[float, typer.Option(min=0, max=0.99, help="Share of the budget to use at least.")] = 0.0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Sample architectures uniformly among those inside the budget."""
    import numpy as np

    from mlpnas.space import SearchSpace

    space = SearchSpace.load(file)
    window, rng = space.window(budget, fill), np.random.default_rng(seed)
    for _ in range(count):
        sample = space.sample(rng, window)
        if as_json:
            print(json.dumps(_to_json(sample)))
        else:
            say(_to_line(sample))


def _to_json(sample: Any) -> dict[str, Any]:
    costs = {name: int(sample.costs[name]) for name in ("macs", "params")}
    return {"key": sample.spec.key, **costs, "answers": sample.answers, "spec": sample.spec.to_json()}


def _to_line(sample: Any) -> str:
    from mlpnas.units import show as shown

    stages = "  ".join(f"{stage.depth}x{stage.width} {stage.mixer}" for stage in sample.spec.stages)
    macs, params = (shown(sample.costs[name], name) for name in ("macs", "params"))
    return f"{sample.spec.key}  {macs:>12}  {params:>14}  {stages}"


@app.command()
def schema() -> None:
    """Print the JSON Schema of space files, for editors."""
    from mlpnas.space.schema import schema as json_schema

    print(json.dumps(json_schema(), indent=2))
