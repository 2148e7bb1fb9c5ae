-- Columns; what their types are made of is in types.sql.
select
    n.nspname as schema,
    c.relname as table,
    a.attname as name,
    a.atttypid::bigint as oid,
    a.atttypmod as typmod,
    pg_catalog.format_type(a.atttypid, a.atttypmod) as type,
    a.attnotnull as not_null,
    exists (
        select from pg_catalog.pg_constraint as k
        where k.conrelid = a.attrelid and k.contype = 'n' and k.conkey = array[a.attnum] and not k.convalidated
    ) as not_null_unvalidated,
    case
        when a.attcollation <> 'pg_catalog.default'::pg_catalog.regcollation and a.atttypid <> 'pg_catalog.name'::pg_catalog.regtype
            then nullif(a.attcollation, 0)::pg_catalog.regcollation::text
    end as collation,
    pg_catalog.pg_get_expr(f.adbin, f.adrelid) as default,
    a.attidentity::text as identity,
    a.attgenerated::text as generated,
    pg_catalog.col_description(c.oid, a.attnum) as comment
from pg_catalog.pg_class as c
inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
inner join pg_catalog.pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
left join pg_catalog.pg_attrdef as f on f.adrelid = c.oid and f.adnum = a.attnum
where
    c.relkind in ('r', 'p')
    and n.nspname !~ '^pg_'
    and n.nspname <> 'information_schema'
    and n.nspname <> %(ledger)s
order by 1, 2, a.attnum
