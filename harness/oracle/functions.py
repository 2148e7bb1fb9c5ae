"""The texts of the temporary functions by which the oracle asks about values that may be errors."""

from __future__ import annotations

READS = """\
create function pg_temp.harness_reads(type text, texts text[]) returns text[] language plpgsql as $$
declare
    found text[] := '{}';
    each text;
begin
    foreach each in array texts loop
        begin
            execute format('select (%L::%s)::text', each, type) into each;
            found := found || each;
        exception when others then
        end;
    end loop;
    return found;
end $$"""

ONE_BY_ONE = """\
create function pg_temp.harness_answers(harness_documents jsonb) returns setof text[] language plpgsql as {}"""

ROWS = """
#variable_conflict use_column -- a column may be called `found`, as a variable of every function is
declare
    harness_row jsonb;
    harness_answer boolean;
    harness_found text[];
begin
    for harness_row in select jsonb_build_array(value) from jsonb_array_elements(harness_documents) loop
        harness_found := '{}';
        -- answers
        return next harness_found;
    end loop;
end"""

ANSWER = """
        begin
            harness_answer := (-- query
            );
            harness_found := array_append(harness_found, coalesce(harness_answer::text, 'null'));
        exception when others or assert_failure then
            harness_found := array_append(harness_found, 'error');
        end;"""
