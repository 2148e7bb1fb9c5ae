"""Parts of the kind ``audited``: writes to the table, and queries that count the records which a write left."""
