"""Any sampler of OptunaHub by its package, downloaded at a ref or loaded from a folder."""

from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from optuna.samplers import BaseSampler

from mlpnas.errors import MissingPackage, RunError
from mlpnas.plain_text import shortened
from mlpnas.samplers._domain import Domain
from mlpnas.samplers._inside_budget import Form, InsideBudget, constructor
from mlpnas.space.tables import Window


class Optunahub(InsideBudget):
    """See InsideBudget. The package runs with the rights of the user; a commit as its ref pins what runs.

    Args:
        package: its place in the registry, samplers/moead.
        ref: a branch, tag or commit of the registry.
        registry: a folder with the packages, instead of a download.
        options: of the sampler's constructor.
    """

    def __init__(
        self,
        domain: Domain,
        window: Window,
        objectives: Mapping[str, str],
        seed: int,
        package: str = "",
        ref: str = "main",
        registry: str = "",
        **options: Any,
    ) -> None:
        module = _load(package, ref, registry)
        kind = _sampler_of(module, package)
        make = constructor(kind, options, search_space=lambda: self.encoding.distributions)
        super().__init__(domain, window, objectives, seed, make, Form())
        self.notes = (f"sampler optunahub:{package}: {_describe_source(module, ref, registry)}",)


def _load(package: str, ref: str, registry: str) -> ModuleType:
    try:
        import optunahub
    except ImportError:
        raise MissingPackage("optunahub", "hub", f"the sampler optunahub:{package}") from None
    try:
        if registry:
            return optunahub.load_local_module(package, registry_root=registry)
        return optunahub.load_module(package, ref=ref)
    except Exception as error:  # whatever git, GitHub or the package itself raises
        place = f"in {registry}" if registry else f"at the ref {ref}"
        reason = shortened(f"{type(error).__name__}: {' '.join(str(error).split())}", 400)
        raise RunError(f"sampler optunahub:{package} cannot be loaded {place} ({reason})") from error


def _describe_source(module: ModuleType, ref: str, registry: str) -> str:
    """Return where a package is from, with the commit that its ref means now."""
    if registry:
        return f"of the folder {registry}"
    import git

    try:
        repository = git.Repo(Path(str(module.__file__)).parent, search_parent_directories=True)
    except git.GitError:  # without git, files are downloaded
        return f"of the ref {ref}"
    is_download = Path(repository.working_dir).name == ref
    return f"of the ref {ref}, commit {repository.head.commit.hexsha}" if is_download else f"of the ref {ref}"


def _sampler_of(module: ModuleType, package: str) -> type[BaseSampler]:
    """Return the first sampler that a package says to be its own."""
    for name in getattr(module, "__all__", vars(module)):
        kind = getattr(module, name, None)
        if isinstance(kind, type) and issubclass(kind, BaseSampler) and kind is not BaseSampler:
            return kind
    raise RunError(f"sampler optunahub:{package} holds no sampler of Optuna")
