"""Scratch databases: where checks are proved, so that the database of the target is never touched.

Enter by :func:`~harness.scratch.workspaces.workspace`: a template of migrations and seeds, and its clones.
Not here: what finds and drops what killed runs left (``global_objects.registry``).
"""
