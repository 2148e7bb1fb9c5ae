-- Functions and procedures, with their arguments and the text that each runs. One of an extension is its name alone.
select
    n.nspname as schema,
    p.proname as name,
    p.oid::regprocedure::text as signature,
    l.lanname as language,
    p.prokind::text as kind,
    e.extname as extension,
    p.prorettype = any ('{trigger,event_trigger}'::regtype[]) as fires,
    p.prorettype = 'pg_catalog.refcursor'::regtype as is_cursor,
    p.prorettype = 'pg_catalog.record'::regtype and p.proargmodes is null as is_bare,
    p.pronargdefaults as defaults,
    concat_ws(
        ' ', p.prosrc, pg_catalog.pg_get_function_sqlbody(p.oid), g.aggtransfn, g.aggfinalfn,
        array_to_string(p.proconfig, ' ')
    ) as text,
    array(
        select jsonb_build_object(
            'name', coalesce(p.proargnames[a.n], ''), 'oid', a.oid::bigint,
            'type', pg_catalog.format_type(a.oid, null), 'mode', coalesce(p.proargmodes[a.n]::text, 'i')
        )
        from unnest(coalesce(p.proallargtypes, p.proargtypes::oid[])) with ordinality as a (oid, n)
        where coalesce(p.proargmodes[a.n]::text, 'i') <> all (case p.prokind when 'p' then '{}'::text[] else '{t,o}' end)
        order by a.n
    ) as arguments
from pg_catalog.pg_proc as p
inner join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
inner join pg_catalog.pg_language as l on l.oid = p.prolang
left join pg_catalog.pg_aggregate as g on g.aggfnoid = p.oid
left join pg_catalog.pg_depend as d
    on d.classid = 'pg_catalog.pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e'
left join pg_catalog.pg_extension as e on e.oid = d.refobjid
where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and n.nspname <> %(ledger)s
order by 1, 3
