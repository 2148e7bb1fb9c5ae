"""What a routine is called on, and how."""
