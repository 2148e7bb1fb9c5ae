"""Repositories: classes that read and write the rows of tables over psycopg 3, with the verbs that a role may use.

Enter by :func:`~harness.types.repositories.reading.read`, which makes of tables, views and functions what a repository
can do; :func:`~harness.types.repositories.package.render` writes the files. Not here: the models of rows
(``pydantic_models``), which the repositories take and return.
"""
