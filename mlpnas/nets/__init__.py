"""From an ArchSpec to an `nn.Module`. `plan` lists the pieces; `network` builds them, `mlpnas.costs` measures them."""
