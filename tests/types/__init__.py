"""Tests of the types that are written in other languages."""
