"""What the tool costs, against what does the same by hand. Each module runs alone: ``python -m bench.apply``."""
