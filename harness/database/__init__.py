"""Servers, scratch databases, the ledger, and seeds."""
