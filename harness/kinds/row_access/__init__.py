"""Roles that read and write rows: for ``row_security``, and for the keys ``as`` and ``claims`` of other kinds.

``ownership`` draws rows of several owners, ``principal`` has the probes of one owner, ``acting_roles`` lends other
kinds the roles that ask. Grants are not tried here, but in the kind ``privileges``.
"""
