create schema app;
create table app.authors (id integer primary key);
create table app.notes (id integer primary key, author integer references app.authors on delete set null, text text);
create function app.stay() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE' then
        if (new.id, new.text) is not distinct from (old.id, old.text) and new.author is null
            and not exists (select from app.authors where id = old.author) then
            return new;
        end if;
    end if;
    raise 'stays';
end $$;
create trigger notes_stay before update or delete on app.notes for each row execute function app.stay();
create trigger notes_no_truncate before truncate on app.notes for each statement execute function app.stay();
