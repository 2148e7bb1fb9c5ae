"""Outcomes as people and machines read them. A report consumes outcomes; it asks no server anything."""
