-- Indexes with their keys as PostgreSQL prints them, and the constraint each stands for.
select
    n.nspname as schema,
    c.relname as table,
    i.relname as name,
    m.amname as method,
    array(
        select
            pg_catalog.pg_get_indexdef(x.indexrelid, k.n::integer, true)
            || case
                when m.amname <> 'btree' then ''
                when x.indoption[k.n - 1] & 3 = 3 then ' desc'
                when x.indoption[k.n - 1] & 3 = 1 then ' desc nulls last'
                when x.indoption[k.n - 1] & 3 = 2 then ' nulls first'
                else ''
            end
        from generate_series(1, x.indnkeyatts) as k (n)
        order by k.n
    ) as keys,
    array(
        select a.attname::text
        from unnest(x.indkey::smallint []) with ordinality as u (attnum, n)
        inner join pg_catalog.pg_attribute as a on a.attrelid = x.indrelid and a.attnum = u.attnum
        where u.n <= x.indnkeyatts
        order by u.n
    ) as columns,
    pg_catalog.pg_get_expr(x.indpred, x.indrelid) as predicate,
    row_number() over (partition by x.indrelid order by x.indexrelid)::integer as check_order,
    x.indisunique as unique,
    x.indisprimary as primary,
    coalesce((to_jsonb(x) ->> 'indnullsnotdistinct')::boolean, false) as nulls_not_distinct,
    x.indisvalid and x.indisready as valid,
    (
        select k.conname
        from pg_catalog.pg_constraint as k
        -- The table is asked for since that has an index.
        where k.conrelid = x.indrelid and k.conindid = x.indexrelid and k.contype in ('p', 'u', 'x')
    ) as constraint,
    pg_catalog.pg_get_indexdef(x.indexrelid) as definition,
    array(
        select
            concat_ws(
                ' ',
                case
                    when x.indcollation[k.n - 1] not in (0, coalesce(ta.attcollation, y.typcollation))
                        then 'collate ' || x.indcollation[k.n - 1]::regcollation::text
                end,
                case
                    when not o.opcdefault
                        then concat_ws(
                            '.',
                            nullif(pg_catalog.quote_ident(opn.nspname), 'pg_catalog'), pg_catalog.quote_ident(o.opcname)
                        )
                end
            )
        from generate_series(1, x.indnkeyatts) as k (n)
        left join pg_catalog.pg_attribute as ta on ta.attrelid = x.indrelid and ta.attnum = nullif(x.indkey[k.n - 1], 0)
        inner join pg_catalog.pg_opclass as o on o.oid = x.indclass[k.n - 1]
        inner join pg_catalog.pg_type as y on y.oid = o.opcintype
        inner join pg_catalog.pg_namespace as opn on opn.oid = o.opcnamespace
        order by k.n
    ) as kinds,
    array(
        select a.attname::text
        from unnest(x.indkey::smallint []) with ordinality as u (attnum, n)
        inner join pg_catalog.pg_attribute as a on a.attrelid = x.indrelid and a.attnum = u.attnum
        where u.n > x.indnkeyatts
        order by u.n
    ) as include
from pg_catalog.pg_index as x
inner join pg_catalog.pg_class as i on i.oid = x.indexrelid
inner join pg_catalog.pg_am as m on m.oid = i.relam
inner join pg_catalog.pg_class as c on c.oid = x.indrelid
inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where
    c.relkind in ('r', 'p')
    and n.nspname !~ '^pg_'
    and n.nspname <> 'information_schema'
    and n.nspname <> %(ledger)s
order by 1, 2, 3
