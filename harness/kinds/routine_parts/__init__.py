"""Parts of the kind ``routine``: given rows, calls with their variables, results of calls, and races of calls."""
