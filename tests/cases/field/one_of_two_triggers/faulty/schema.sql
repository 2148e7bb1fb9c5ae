create schema app;
create table app.entries (id integer, what text not null);
create function app.stay() returns trigger language plpgsql as $$ begin raise 'stays'; end $$;
create trigger entries_remain before delete on app.entries for each row execute function app.stay();
create trigger entries_stay before update on app.entries for each row execute function app.stay();
