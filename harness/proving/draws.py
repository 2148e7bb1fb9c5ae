"""What is drawn follows from the seed alone, whichever process draws it."""

from __future__ import annotations

import os


def settle() -> None:
    """For a process that is ours: a command, or a worker of one.

    Hypothesis also draws constants that it finds in the source of whatever modules are loaded, so a number in our own
    code, or an import that comes later in one process than in another, would change what a check tries. Its tables of
    Unicode take a second to make: once for a person, not once for every directory.
    """
    from hypothesis.internal.conjecture import providers

    if hasattr(providers, "is_local_module_file"):
        providers.is_local_module_file = lambda path: False
    if "HYPOTHESIS_STORAGE_DIRECTORY" not in os.environ:
        import platformdirs
        from hypothesis.configuration import set_hypothesis_home_dir

        set_hypothesis_home_dir(platformdirs.user_cache_path("constraint-harness") / "hypothesis")
