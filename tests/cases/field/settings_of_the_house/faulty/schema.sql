create schema app;
create table app.settings (
    only_one boolean primary key default true,
    motto text not null,
    floors integer constraint floors_of_a_house check (floors between 1 and 9)
);
