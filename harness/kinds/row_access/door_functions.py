"""The temporary functions that make a call as a role and judge it (``door_calls.py`` says by what).

``harness_turn`` makes a call and undoes it, ``harness_without`` makes calls without the rows that the role may not see,
``harness_differs`` compares four turns, and ``harness_door`` decides. What only a client gets, the messages of RAISE
NOTICE, is judged by the client (``proving/door_messages.py``): before each call it is told the values of hidden rows,
and where rows could not be deleted, it is told why.
"""

from __future__ import annotations

from harness.probes import Execute

TOLD_BY_KEY = "HX004"
"""The SQLSTATE of a call that a key refuses, or keeps from writing, since there is a row that the role may not see."""

SHUT = "nothing"
"""The words for a call that shows and changes nothing of others."""

_TURN = r"""create function pg_temp.harness_turn(call text, door jsonb, kept text[])
returns jsonb language plpgsql as $harness$
declare
    harness_target constant text := door ->> 'table';
    harness_before text[] := '{}'; harness_lines text[] := '{}';
    harness_each text; harness_found record; harness_cursor refcursor; harness_count bigint;
    harness_state text := ''; harness_message text; harness_detail text; harness_hint text; harness_column text;
    harness_rule text := ''; harness_type text; harness_table text; harness_context text := '';
    harness_rows bigint; harness_stays bigint;
begin
    begin
        for harness_each in select jsonb_array_elements_text(door -> 'refresh') loop
            execute 'refresh materialized view ' || harness_each;
        end loop;
        begin
            if door ? 'session' then perform set_config('session_authorization', door ->> 'session', true); end if;
            perform set_config('role', door ->> 'role', true);
            for harness_each in select jsonb_array_elements_text(door -> 'reads') loop
                for harness_found in execute harness_each loop
                    harness_before := harness_before || harness_found::text;
                end loop;
            end loop;
            perform setseed(0.5);
            if door ? 'outputs' then
                execute call into harness_found;
                harness_lines := harness_lines || harness_found::text;
            elsif door ? 'cursor' then
                execute call into harness_cursor;
                loop
                    fetch harness_cursor into harness_found;
                    exit when not found;
                    harness_lines := harness_lines || harness_found::text;
                end loop;
            elsif call like 'select %' or call like '% returning *' then
                for harness_found in execute call loop
                    harness_lines := harness_lines || harness_found::text;
                end loop;
            else
                execute call;
                get diagnostics harness_count = row_count;
                harness_lines := harness_lines || (harness_count || ' rows');
            end if;
            set constraints all immediate;
            -- A call may have taken on another role.
            perform set_config('role', door ->> 'role', true);
            for harness_each in select jsonb_array_elements_text(door -> 'reads') loop
                for harness_found in execute harness_each loop
                    if harness_found::text <> all (harness_before) then
                        harness_lines := harness_lines || harness_found::text;
                    end if;
                end loop;
            end loop;
            if door ? 'session' then perform set_config('session_authorization', door ->> 'user', true); end if;
            perform set_config('role', 'none', true);
        exception when others or assert_failure then
            get stacked diagnostics
                harness_state = returned_sqlstate, harness_message = message_text, harness_hint = pg_exception_hint,
                harness_detail = pg_exception_detail, harness_column = column_name, harness_rule = constraint_name,
                harness_type = pg_datatype_name, harness_table = table_name, harness_context = pg_exception_context;
            harness_lines := harness_lines || array_remove(array[
                harness_message, harness_detail, harness_hint, harness_column, harness_rule, harness_type, harness_table
            ], '');
        end;
        execute format(
            'select count(*), count(*) filter (where (%s.*)::text = any ($1)) from %s', door ->> 'alias', harness_target
        ) into harness_rows, harness_stays using kept;
        raise exception using errcode = 'HX001';
    exception when sqlstate 'HX001' then null;
    end;
    return jsonb_build_object(
        'text', array_to_string(harness_lines, e'\n'),
        'sorted', (select coalesce(string_agg(line, e'\n' order by line), '') from unnest(harness_lines) as line),
        -- Below this function the context has the statement of the tool, with the values of other calls.
        'state', harness_state, 'rule', harness_rule, 'context', split_part(harness_context, 'harness_turn', 1),
        'rows', harness_rows,
        'changed', harness_stays < cardinality(kept)
    );
end
$harness$"""

_WITHOUT = r"""create function pg_temp.harness_without(calls text[], door jsonb, hidden text[], kept text[])
returns jsonb[] language plpgsql as $harness$
declare
    turns jsonb[] := '{}'; call text;
begin
    begin
        if door ? 'silent' then perform set_config('session_replication_role', 'replica', true); end if;
        execute format('delete from %s where %s = any ($1)', door ->> 'table', door ->> 'key') using hidden;
        if door ? 'silent' then perform set_config('session_replication_role', 'origin', true); end if;
        foreach call in array calls loop
            turns := turns || pg_temp.harness_turn(call, door, kept);
        end loop;
        raise exception using errcode = 'HX001';
    exception when sqlstate 'HX001' then null;
    end;
    return turns;
exception when others then
    raise notice '%', json_build_object('harness_door', door ->> 'label', 'stay', sqlerrm);
    return '{}';
end
$harness$"""

_DIFFERS = r"""create function pg_temp.harness_differs(turn jsonb, again jsonb, without jsonb, without_again jsonb)
returns text language sql as $harness$
    with words as (
        select regexp_split_to_array(concat(t ->> 'state', ' ', t ->> 'text'), '[^[:alnum:].-]+') as of, n
        from unnest(array[turn, again, without, without_again]) with ordinality as t (t, n)
    ),
    said as (select array_agg(cardinality(of) order by n) as many from words)
    select format(
        '%s, and without their rows %s',
        coalesce(nullif(replace(left(turn ->> 'text', 100), e'\n', ' '), ''), 'nothing'),
        coalesce(nullif(replace(left(without ->> 'text', 100), e'\n', ' '), ''), 'nothing')
    )
    from said
    where many[1] = many[2] and many[3] = many[4] and exists (
        select from unnest(
            (select of from words where n = 1), (select of from words where n = 2),
            (select of from words where n = 3), (select of from words where n = 4)
        ) as w (a, b, c, d)
        where a is not distinct from b and c is not distinct from d and a is distinct from c
    )
$harness$"""

_DOOR = r"""create function pg_temp.harness_door(calls text[], door jsonb) returns text
language plpgsql as $harness$
declare
    target constant text := door ->> 'table';
    key constant text := door ->> 'key';
    alias constant text := door ->> 'alias';
    listed constant text := 'select coalesce(array_agg(%s), ''{}'') from %s where %s';
    hidden text[]; own text[] := '{}'; kept text[]; cells text[]; marks jsonb; call text; said text;
    turns jsonb[] := '{}'; others jsonb[]; turn jsonb; without jsonb;
    passed boolean := false; refused jsonb; told text;
begin
    execute format(listed, key, target, door ->> 'hidden') into hidden;
    execute format(listed, '(' || alias || '.*)::text', target, door ->> 'kept') into kept;
    begin
        perform set_config('role', door ->> 'role', true);
        execute format(listed, key, target, 'true') into own;
        perform set_config('role', 'none', true);
    exception when others then null;
    end;
    hidden := array(select unnest(hidden) except select unnest(own));
    execute format(
        'with cells as (select %1$s = any ($1) as hides, harness_key as key, harness_value as value from %2$s'
        ' cross join lateral jsonb_each_text(to_jsonb(%3$s.*)) as harness_cell (harness_key, harness_value))'
        ' select coalesce(jsonb_agg(jsonb_build_array(c.key, c.value) order by c.key) filter ('
        ' where exists (select from unnest($2) as mark where strpos(c.value, mark) > 0)'
        ' and not exists (select from cells as o where not o.hides and o.value = c.value)), ''[]''),'
        ' coalesce(array_agg(c.value) filter (where c.value <> ''0''), ''{}'') from cells as c where c.hides',
        key, target, alias
    ) into marks, cells using hidden, array(select jsonb_array_elements_text(door -> 'marks'));
    foreach call in array calls loop
        raise notice '%', json_build_object('harness_door', door ->> 'label', 'call', call, 'marks', marks);
        turn := pg_temp.harness_turn(call, door, kept);
        turns := turns || turn;
        if (turn ->> 'changed')::boolean then
            said := 'a row is changed';
        else
            select format('%s = %s is shown', mark ->> 0, quote_literal(mark ->> 1)) into said
            from jsonb_array_elements(marks) as mark
            where strpos(lower(concat(turn ->> 'text', turn ->> 'context')), lower(mark ->> 1)) > 0
            and strpos(lower(call), lower(mark ->> 1)) = 0 limit 1;
        end if;
        exit when said is not null;
        passed := passed or turn ->> 'state' = '';
        refused := case when turn ->> 'state' = '' then refused else turn end;
    end loop;
    if said is null and hidden <> '{}' and not door ? 'alone' then
        others := pg_temp.harness_without(calls, door, hidden, kept);
        for n in 1..coalesce(cardinality(others), 0) loop
            turn := turns[n]; without := others[n]; call := calls[n];
            continue when turn ->> 'sorted' = without ->> 'sorted' and turn ->> 'state' = without ->> 'state';
            said := pg_temp.harness_differs(
                turn, pg_temp.harness_turn(call, door, kept), without,
                (pg_temp.harness_without(array[call], door, hidden, kept))[1]
            );
            if said is not null and (
                turn ->> 'state' like '23%' and turn ->> 'rule' <> ''
                or without ->> 'state' like '23%' and without ->> 'rule' <> ''
                -- Without them it wrote a row, and what it says instead is not of them.
                or (without ->> 'rows')::bigint + cardinality(hidden) > (turn ->> 'rows')::bigint
                and not exists (
                    select from unnest(cells) as cell
                    where (
                        cell = any (regexp_split_to_array(turn ->> 'text', '[^[:alnum:]-]+'))
                        or length(cell) > 8 and strpos(replace(turn ->> 'text', '""', '"'), cell) > 0
                    )
                    and cell <> all (regexp_split_to_array(without ->> 'text', '[^[:alnum:]-]+'))
                    and (length(cell) <= 8 or strpos(replace(without ->> 'text', '""', '"'), cell) = 0)
                    and strpos(lower(call), lower(cell)) = 0
                )
            ) then
                said := null;
                told := turn ->> 'rule';
            end if;
            exit when said is not null;
        end loop;
    end if;
    said := said || ', by ' || regexp_replace(call, '"([a-z_][a-z0-9_]*)"', '\1', 'g');
    perform set_config('harness.seen', coalesce(said, '{shut}'), true);
    if said is null and told is not null then
        raise exception using errcode = 'HX004', message = 'a key tells it', constraint = told;
    elsif said is null and not passed then
        raise exception using errcode = refused ->> 'state', message = refused ->> 'text';
    end if;
    return said;
end
$harness$"""

MAKE_CALLS = (Execute(_TURN), Execute(_WITHOUT), Execute(_DIFFERS), Execute(_DOOR.replace("{shut}", SHUT)))
"""The setup that a call needs."""
