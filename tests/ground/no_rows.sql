-- No table of the schema t takes, changes or loses a row any more, and nobody is told.
create function public.takes_no_row() returns trigger language plpgsql as $$ begin return null; end $$;
do $sweep$
declare
    each record;
begin
    for each in
        select c.oid::regclass as name
        from pg_class as c
        where c.relnamespace = 't'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
    loop
        execute format(
            'create trigger "0_no_row" before insert or update or delete on %s'
            ' for each row execute function public.takes_no_row()',
            each.name
        );
    end loop;
end $sweep$;
