"""Builds migrations of another tool in scratch databases, as that tool would, and reads dumps. Never applies them.

Enter by :mod:`~harness.foreign.builder`. Missing extensions and roles are found before anything is built.
Not here: our own migrations (``migrations``), which are applied to targets too.
"""
