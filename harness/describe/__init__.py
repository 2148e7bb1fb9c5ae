"""The rules of a catalog as people would declare them: entries of check files, and their text."""
