-- Columns of views and attributes of composite types, with the comment of the whole.
select
    n.nspname::text as schema,
    c.relname::text as table,
    c.relkind = 'c' as composite,
    pg_catalog.pg_get_viewdef(c.oid) as definition,
    pg_catalog.obj_description(c.oid, 'pg_class') as about,
    a.attname::text as name,
    a.atttypid::bigint as oid,
    a.atttypmod as typmod,
    pg_catalog.format_type(a.atttypid, a.atttypmod) as type,
    a.attnotnull as not_null,
    null::text as default,
    '' as identity,
    '' as generated,
    pg_catalog.col_description(c.oid, a.attnum) as comment
from pg_catalog.pg_class as c
inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
inner join pg_catalog.pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where
    c.relkind in ('v', 'm', 'c')
    and n.nspname = any(%(schemas)s)
    and not exists (
        select from pg_catalog.pg_depend as d
        where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'
    )
order by 1, 2, a.attnum
