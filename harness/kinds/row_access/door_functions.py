"""The temporary functions that make a call as a role and judge it (``door_calls.py`` says by what).

``harness_turn`` makes the calls once, with or without the rows that the role may not see, and undoes them;
``harness_differs`` compares four turns, and ``harness_door`` decides.
"""

from __future__ import annotations

from harness.probes import Execute

TOLD_BY_KEY = "HX004"
"""The SQLSTATE of a call that a key refuses, or keeps from writing, since there is a row that the role may not see."""

SHUT = "nothing"
"""The words for a call that shows and changes nothing of others."""

_TURN = r"""create function pg_temp.harness_turn(
    calls text[], door jsonb, hidden text[], kept text[], without boolean
) returns jsonb language plpgsql as $harness$
declare
    harness_target constant text := door ->> 'table';
    harness_before text[] := '{}'; harness_lines text[] := '{}';
    harness_call text; harness_found record; harness_cursor refcursor; harness_count bigint;
    harness_state text := ''; harness_message text; harness_detail text; harness_hint text; harness_column text;
    harness_rule text := ''; harness_type text; harness_table text; harness_context text := '';
    harness_rows bigint; harness_stays bigint;
begin
    begin
        if without then
            if door ? 'silent' then perform set_config('session_replication_role', 'replica', true); end if;
            execute format('delete from %s where %s = any ($1)', harness_target, door ->> 'key') using hidden;
            if door ? 'silent' then perform set_config('session_replication_role', 'origin', true); end if;
        end if;
        for harness_call in select jsonb_array_elements_text(door -> 'refresh') loop
            execute 'refresh materialized view ' || harness_call;
        end loop;
        begin
            if door ? 'session' then perform set_config('session_authorization', door ->> 'session', true); end if;
            perform set_config('role', door ->> 'role', true);
            for harness_call in select jsonb_array_elements_text(door -> 'reads') loop
                for harness_found in execute harness_call loop
                    harness_before := harness_before || harness_found::text;
                end loop;
            end loop;
            perform setseed(0.5);
            foreach harness_call in array calls loop
                if door ? 'outputs' then
                    execute harness_call into harness_found;
                    harness_lines := harness_lines || harness_found::text;
                elsif door ? 'cursor' then
                    execute harness_call into harness_cursor;
                    loop
                        fetch harness_cursor into harness_found;
                        exit when not found;
                        harness_lines := harness_lines || harness_found::text;
                    end loop;
                elsif harness_call like 'select %' or harness_call like '% returning *' then
                    for harness_found in execute harness_call loop
                        harness_lines := harness_lines || harness_found::text;
                    end loop;
                else
                    execute harness_call;
                    get diagnostics harness_count = row_count;
                    harness_lines := harness_lines || (harness_count || ' rows');
                end if;
            end loop;
            set constraints all immediate;
            -- A call may have taken on another role.
            perform set_config('role', door ->> 'role', true);
            for harness_call in select jsonb_array_elements_text(door -> 'reads') loop
                for harness_found in execute harness_call loop
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
            'select count(*), count(*) filter (where %s::text = any ($1)) from %s', door ->> 'alias', harness_target
        ) into harness_rows, harness_stays using kept;
        raise exception using errcode = 'HX001';
    exception when sqlstate 'HX001' then null;
    end;
    return jsonb_build_object(
        'text', (select coalesce(string_agg(line, e'\n' order by line), '') from unnest(harness_lines) as line),
        'state', harness_state, 'rule', harness_rule, 'context', harness_context, 'rows', harness_rows,
        'changed', harness_stays < cardinality(kept)
    );
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
    hidden text[]; own text[] := '{}'; kept text[]; cells text[]; marks jsonb; said text;
    turn jsonb; without jsonb; again jsonb; without_again jsonb;
begin
    execute format(listed, key, target, door ->> 'hidden') into hidden;
    execute format(listed, alias || '::text', target, door ->> 'kept') into kept;
    begin
        perform set_config('role', door ->> 'role', true);
        execute format(listed, key, target, 'true') into own;
        perform set_config('role', 'none', true);
    exception when others then null;
    end;
    hidden := array(select unnest(hidden) except select unnest(own));
    execute format(
        'with cells as (select %1$s = any ($1) as hides, cell.key, cell.value from %2$s'
        ' cross join lateral jsonb_each_text(to_jsonb(%3$s)) as cell'
        ' where cell.key = any ($2) and length(cell.value) > 5)'
        ' select coalesce(jsonb_agg(jsonb_build_array(c.key, c.value) order by c.key), ''[]'') from cells as c'
        ' where c.hides and strpos($3, lower(c.value)) = 0'
        ' and not exists (select from cells as o where not o.hides and o.value = c.value)', key, target, alias
    ) into marks
    using hidden, array(select jsonb_array_elements_text(door -> 'columns')), lower(array_to_string(calls, ' '));
    execute format(
        'select coalesce(array_agg(cell.value), ''{}'') from %s'
        ' cross join lateral jsonb_each_text(to_jsonb(%s)) as cell'
        ' where %s = any ($1) and cell.value <> ''0'' and strpos($2, lower(cell.value)) = 0', target, alias, key
    ) into cells using hidden, lower(array_to_string(calls, ' '));
    turn := pg_temp.harness_turn(calls, door, hidden, kept, false);
    if (turn ->> 'changed')::boolean then
        said := 'a row is changed';
    else
        select format('%s = %s is shown', mark ->> 0, quote_literal(mark ->> 1)) into said
        from jsonb_array_elements(marks) as mark
        where strpos(lower(concat(turn ->> 'text', turn ->> 'context')), lower(mark ->> 1)) > 0 limit 1;
    end if;
    if said is null and hidden <> '{}' then
        begin
            without := pg_temp.harness_turn(calls, door, hidden, kept, true);
            if turn ->> 'text' <> without ->> 'text' or turn ->> 'state' <> without ->> 'state' then
                again := pg_temp.harness_turn(calls, door, hidden, kept, false);
                without_again := pg_temp.harness_turn(calls, door, hidden, kept, true);
                said := pg_temp.harness_differs(turn, again, without, without_again);
            end if;
        exception when others then null;
        end;
        if said is not null and (
            turn ->> 'state' like '23%' and turn ->> 'rule' <> ''
            or without ->> 'state' like '23%' and without ->> 'rule' <> ''
            -- Without them it wrote a row, and what it says instead is not of them.
            or (without ->> 'rows')::bigint + cardinality(hidden) > (turn ->> 'rows')::bigint
            and not string_to_array(regexp_replace(turn ->> 'text', '[^[:alnum:]-]+', ' ', 'g'), ' ') && cells
        ) then
            raise exception using errcode = 'HX004', message = 'a key tells it', constraint = turn ->> 'rule';
        end if;
    end if;
    perform set_config('harness.seen', coalesce(said || ', by ' || (door ->> 'call'), '{shut}'), true);
    if said is null and turn ->> 'state' <> '' then
        raise exception using errcode = turn ->> 'state', message = turn ->> 'text';
    end if;
    return said;
end
$harness$"""

MAKE_CALLS = (Execute(_TURN), Execute(_DIFFERS), Execute(_DOOR.replace("{shut}", SHUT)))
"""The setup that a call needs."""
