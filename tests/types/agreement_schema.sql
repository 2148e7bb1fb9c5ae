create schema app;
create type app.mood as enum ('good', 'bad');
create domain app.code as text constraint code_form check (value ~ '^[A-Z]+$');

create table app.sets (status text not null constraint sets_status check (status in ('new', 'open', 'done')));
create table app.lower_bounds (n integer not null constraint lower_n check (n between 1 and 5));
create table app.upper_bounds (n integer not null constraint upper_n check (n between 1 and 5));
create table app.lengths (note text not null constraint lengths_note check (char_length(note) <= 3));
create table app.varchars (note varchar(3) not null);
create table app.optionals (a integer not null default 1, b integer);
create table app.requireds (a integer not null, b integer);
create table app.nullables (a integer, b integer);
create table app.not_nulls (a integer not null, b integer);
create table app.names (n integer constraint names_n check (n > 0));
create table app.missing (a integer, b integer, constraint missing_order check (a < b));
create table app.numerics (price numeric(3,1) not null);
create table app.moments (
    starts timestamptz not null,
    ends timestamptz not null,
    constraint moments_order check (ends >= starts)
);
create table app.enums (mood app.mood not null);
create table app.domains (code app.code);
create table app.arrays (tags text[] not null constraint arrays_tags check (tags <@ array['a', 'b']));
create table app.generated (
    a integer not null,
    b integer generated always as (a * 2) stored,
    constraint generated_b check (b < 10)
);
create table app.touched (
    created_at timestamptz(3) not null default now(),
    updated_at timestamptz(3) not null,
    constraint touched_order check (updated_at >= created_at)
);
create function app.touch() returns trigger language plpgsql as $$
begin
    new.updated_at := clock_timestamp();
    return new;
end
$$;
create trigger touch before insert or update on app.touched for each row execute function app.touch();

create table app.documents (
    -- The schema itself is as it says, so that there is a document to try.
    doc jsonb not null constraint documents_doc check (
        public.jsonb_matches_schema(
            '{"type": "object", "required": ["type"], "properties": {"type": {"type": "string"}}}', doc
        )
    )
);
create table app.kept (id integer primary key, n integer constraint kept_n check (n <> 3));
create table app.unbreakable (a integer constraint unbreakable_a check (a = a or a is null));
create table app.impossible (a integer not null constraint impossible_a check (a > 1 and a < 1));
