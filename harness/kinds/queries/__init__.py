"""What is written to make a query find what it must not."""
