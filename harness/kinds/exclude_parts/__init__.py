"""Parts of the kind ``exclude``: pairs of rows, sorted by whether the constraint has to refuse them."""
