-- What a role may do with each column of each relation.
select
    n.nspname::text as schema,
    c.relname::text as table,
    a.attname::text as column,
    pg_catalog.has_column_privilege(%(role)s, c.oid, a.attnum, 'select') as selected,
    pg_catalog.has_column_privilege(%(role)s, c.oid, a.attnum, 'insert') as inserted,
    pg_catalog.has_column_privilege(%(role)s, c.oid, a.attnum, 'update') as updated,
    pg_catalog.has_table_privilege(%(role)s, c.oid, 'delete') as deleted,
    coalesce(a.attidentity = 'd' and pg_catalog.has_sequence_privilege(
        %(role)s, pg_catalog.pg_get_serial_sequence(pg_catalog.format('%%I.%%I', n.nspname, c.relname), a.attname), 'usage'
    ), false) as numbered
from pg_catalog.pg_class as c
inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
inner join pg_catalog.pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where
    c.relkind in ('r', 'p', 'v', 'm')
    and n.nspname = any(%(schemas)s)
    and pg_catalog.has_schema_privilege(%(role)s, n.oid, 'usage')
