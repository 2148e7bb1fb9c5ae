"""What becomes of rows whose parent is deleted or changes its key, in one session and in two."""
