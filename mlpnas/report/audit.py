"""The audit of a run's zero-cost scores in words, the same in the report and on the command line."""

from collections.abc import Sequence

from mlpnas.audit import BETTER, EQUAL, TOO_FEW, USELESS, Audit, Tau, audit_records
from mlpnas.objectives import describe, scores
from mlpnas.record import Record
from mlpnas.report.wording import label, trained_objective
from mlpnas.run import Run

HEADINGS = ("score", "tau over all", "at equal MACs", "trials", "verdict")
_WHY = {
    EQUAL: "not shown to rank networks of equal cost better than MACs do",
    USELESS: "no agreement with the trained networks beyond chance",
    TOO_FEW: "too few trials to tell",
}


def audit_run(run: Run, records: Sequence[Record]) -> list[Audit]:
    """Audit the scores that finished trials hold, after macs and params; return nothing if there are no scores."""
    held = [name for name in scores() if any(name in record.values for record in records)]
    objective = trained_objective(run)
    return audit_records(records, objective, describe(objective).direction, held) if held else []


def rows(audits: Sequence[Audit]) -> list[list[str]]:
    """Return the table under HEADINGS."""
    return [[label(a.name), _text(a.overall), _text(a.within), str(a.trials), a.verdict] for a in audits]


def explain(audits: Sequence[Audit]) -> str:
    """Say which scores are worth asking, which are switched off, and why."""
    found = {verdict: [a.name for a in audits[2:] if a.verdict == verdict] for verdict in (BETTER, *_WHY)}
    off = [f"{', '.join(found[verdict])} ({why})" for verdict, why in _WHY.items() if found[verdict]]
    usable = f"Usable: {', '.join(found[BETTER])}." if found[BETTER] else "None is usable."
    return f"{usable} Switched off: {'; '.join(off)}." if off else usable


def _text(tau: Tau) -> str:
    """Write a value and its 95 % interval: 0.41 [0.12, 0.70]."""
    return f"{tau.value:.2f} [{tau.low:.2f}, {tau.high:.2f}]"
