"""Parts of the kind ``locked``: the ways to write to a protected row, the scenario, and the races."""
