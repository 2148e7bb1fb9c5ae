"""Parts of the kind ``immutable``: changes of a row that are to be refused, and changes that stay allowed."""
