-- Stands in for the extension pg_jsonschema: its two functions, which know as much of JSON Schema as the tests need.
create function public.jsonb_matches_schema(schema json, instance jsonb) returns boolean
language plpgsql immutable strict as $$
declare
    kind text := jsonb_typeof(instance);
    wanted text := schema ->> 'type';
begin
    if wanted is not null and wanted <> kind and not (wanted = 'integer' and kind = 'number' and instance::text !~ '\.') then
        return false;
    end if;
    if kind = 'string' and char_length(instance #>> '{}') < coalesce((schema ->> 'minLength')::integer, 0) then
        return false;
    end if;
    if kind <> 'object' then
        return true;
    end if;
    return not exists (
        select from json_array_elements_text(coalesce(schema -> 'required', '[]')) as r (name)
        where not instance ? r.name
    ) and not exists (
        select from json_each(coalesce(schema -> 'properties', '{}')) as p
        where instance ? p.key and not public.jsonb_matches_schema(p.value, instance -> p.key)
    );
end
$$;

create function public.json_matches_schema(schema json, instance json) returns boolean
language sql immutable strict as 'select public.jsonb_matches_schema(schema, instance::jsonb)';
