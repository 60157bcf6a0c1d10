"""The network of an ArchSpec: `plan` lists its pieces, `network` builds them, and `mlpnas.costs` measures them."""
