-- Functions that a program (or the role) can call, each with its parameters: not triggers, aggregates, extensions'.
select
    n.nspname::text as schema,
    p.proname::text as name,
    p.oid::bigint as oid,
    p.prokind = 'p' as is_procedure,
    p.proretset as returns_set,
    p.prorettype::bigint as result,
    pg_catalog.format_type(p.prorettype, null) as result_type,
    r.typtype::text as result_kind,
    rn.nspname::text as row_schema,
    rc.relname::text as row_table,
    pg_catalog.obj_description(p.oid, 'pg_proc') as comment,
    p.pronargs - p.pronargdefaults as required,
    array(
        select jsonb_build_object(
            'name', coalesce(p.proargnames[a.n], ''),
            'mode', coalesce(p.proargmodes[a.n]::text, 'i'),
            'oid', a.oid::bigint,
            'type', pg_catalog.format_type(a.oid, null),
            'default', pg_catalog.pg_get_function_arg_default(p.oid, a.n::integer)
        )
        from unnest(coalesce(p.proallargtypes, p.proargtypes::oid[])) with ordinality as a (oid, n)
        order by a.n
    ) as arguments
from pg_catalog.pg_proc as p
inner join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
inner join pg_catalog.pg_type as r on r.oid = p.prorettype
left join pg_catalog.pg_class as rc on rc.oid = r.typrelid
left join pg_catalog.pg_namespace as rn on rn.oid = rc.relnamespace
where
    n.nspname = any(%(schemas)s)
    and p.prokind in ('f', 'p')
    and coalesce(
        pg_catalog.has_schema_privilege(%(role)s::text, n.oid, 'usage')
        and pg_catalog.has_function_privilege(%(role)s::text, p.oid, 'execute'),
        true
    )
    and p.prorettype <> all('{trigger,event_trigger}'::regtype[])
    and not exists (
        select from pg_catalog.pg_depend as d
        where d.classid = 'pg_catalog.pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e'
    )
order by 1, 2, 3
