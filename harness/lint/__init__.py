"""sqlfluff on the migrations, from the project's own ``.sqlfluff``: the same verdict as ``sqlfluff lint schema``.

:func:`harness.lint.linter.lint` gives the verdict, :func:`harness.lint.pages.explained` the page of a rule. The
house rules are a plugin of sqlfluff, :mod:`harness.lint.plugin`, and are written under ``rules/``. sqlfluff is imported
only by these modules, since it takes long.
"""
