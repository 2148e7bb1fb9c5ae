-- Primary keys, unique, check, foreign key and exclusion constraints. NOT NULL stands with its column.
select
    n.nspname as schema,
    c.relname as table,
    k.conname as name,
    k.contype::text as type,
    array(
        select a.attname::text
        from unnest(k.conkey) with ordinality as u (attnum, n)
        inner join pg_catalog.pg_attribute as a on a.attrelid = k.conrelid and a.attnum = u.attnum
        order by u.n
    ) as columns,
    case when k.contype = 'c' then pg_catalog.pg_get_expr(k.conbin, k.conrelid) end as expression,
    pg_catalog.pg_get_constraintdef(k.oid) as definition,
    rn.nspname as referenced_schema,
    r.relname as referenced_table,
    array(
        select a.attname::text
        from unnest(k.confkey) with ordinality as u (attnum, n)
        inner join pg_catalog.pg_attribute as a on a.attrelid = k.confrelid and a.attnum = u.attnum
        order by u.n
    ) as referenced_columns,
    case k.confdeltype
        when 'a' then 'no action' when 'r' then 'restrict' when 'c' then 'cascade'
        when 'n' then 'set null' when 'd' then 'set default'
    end as on_delete,
    case k.confupdtype
        when 'a' then 'no action' when 'r' then 'restrict' when 'c' then 'cascade'
        when 'n' then 'set null' when 'd' then 'set default'
    end as on_update,
    -- confdelsetcols is new in 15; reading the row as json keeps one query for all versions.
    array(
        select a.attname::text
        from
            jsonb_array_elements_text(
                case jsonb_typeof(to_jsonb(k) -> 'confdelsetcols')
                    when 'array' then to_jsonb(k) -> 'confdelsetcols'
                    else '[]'
                end
            ) with ordinality as u (attnum, n)
        inner join pg_catalog.pg_attribute as a on a.attrelid = k.conrelid and a.attnum = u.attnum::smallint
        order by u.n
    ) as on_delete_columns,
    array(
        select 'operator(' || pg_catalog.quote_ident(opn.nspname) || '.' || o.oprname || ')'
        from unnest(k.conexclop) with ordinality as u (oid, n)
        inner join pg_catalog.pg_operator as o on o.oid = u.oid
        inner join pg_catalog.pg_namespace as opn on opn.oid = o.oprnamespace
        order by u.n
    ) as operators,
    k.confmatchtype = 'f' as match_full,
    -- conperiod is new in 18.
    coalesce((to_jsonb(k) ->> 'conperiod')::boolean, false) as period,
    k.condeferrable as deferrable,
    k.condeferred as deferred,
    k.convalidated and coalesce((to_jsonb(k) ->> 'conenforced')::boolean, true) as validated,
    -- conenforced is new in 18.
    coalesce((to_jsonb(k) ->> 'conenforced')::boolean, true) as enforced,
    pg_catalog.obj_description(k.oid, 'pg_constraint') as comment
from pg_catalog.pg_constraint as k
inner join pg_catalog.pg_class as c on c.oid = k.conrelid
inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
left join pg_catalog.pg_class as r on r.oid = k.confrelid
left join pg_catalog.pg_namespace as rn on rn.oid = r.relnamespace
where
    c.relkind in ('r', 'p')
    and k.contype in ('p', 'u', 'c', 'f', 'x')
    -- A key to a partitioned table has a copy beside it for each partition of that.
    and not exists (
        select from pg_catalog.pg_constraint as o where o.oid = k.conparentid and o.conrelid = k.conrelid
    )
    and n.nspname !~ '^pg_'
    and n.nspname <> 'information_schema'
    and n.nspname <> %(ledger)s
order by 1, 2, 3
