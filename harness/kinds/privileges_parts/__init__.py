"""Parts of the kind ``privileges``: objects besides tables, and statements on rows as a role."""
