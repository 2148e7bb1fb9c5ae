"""A database that nobody described yet becomes check files, as a person would have written them."""
