"""Parts of ``foreign_key`` and ``referenced_by``: children of a parent that is deleted or changes its key."""
