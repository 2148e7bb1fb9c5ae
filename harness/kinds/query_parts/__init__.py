"""Parts of the kind ``query``: writes after which the query might find a row."""
