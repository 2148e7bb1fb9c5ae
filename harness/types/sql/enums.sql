-- Enum types.
select
    n.nspname::text as schema,
    t.typname::text as name,
    array(
        select l.enumlabel::text
        from pg_catalog.pg_enum as l
        where l.enumtypid = t.oid
        order by l.enumsortorder
    ) as labels,
    pg_catalog.obj_description(t.oid, 'pg_type') as comment
from pg_catalog.pg_type as t
inner join pg_catalog.pg_namespace as n on n.oid = t.typnamespace
where t.typtype = 'e' and n.nspname = any(%(schemas)s)
order by 1, 2
