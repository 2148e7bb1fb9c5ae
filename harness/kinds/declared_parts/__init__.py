"""Parts of the kind ``declared``: pairs of rows that differ only where a declared key asks for it."""
