"""The folder format of `mlpnas.load`: the spec, the weights, a model card."""

from pathlib import Path

from mlpnas.exporters._model import CARD, SPEC, WEIGHTS, Model


class Folder:
    """A folder with spec.json, model.safetensors and README.md."""

    def export(self, model: Model, folder: Path) -> list[Path]:
        from safetensors.torch import save

        files = [folder / SPEC, folder / WEIGHTS, folder / CARD]
        files[0].write_text(model.spec.dumps() + "\n", encoding="utf-8")
        files[1].write_bytes(save(model.network.state_dict(), {"format": "pt", **model.metadata()}))
        files[2].write_text(model.card, encoding="utf-8")
        return files
