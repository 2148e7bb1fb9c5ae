drop function weeksmith.unlock_plan(uuid, text, integer);
