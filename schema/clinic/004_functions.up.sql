-- What has been kept long enough: processed webhooks for 30 days, failed ones for 90. One that waits is never removed.
-- Days of 24 hours, whatever the session's time zone: hence UTC.
create function clinic.remove_expired_webhooks(as_of timestamptz default now())
returns bigint
language plpgsql
security definer
set search_path = ''
set timezone = 'UTC'
as $$
declare
    removed bigint;
begin
    delete from clinic.webhook_idempotency as w
    where
        (w.status = 'processed' and w.received_at < as_of - interval '30 days')
        or (w.status = 'failed' and w.received_at < as_of - interval '90 days');
    get diagnostics removed = row_count;
    return removed;
end
$$;

comment on function clinic.remove_expired_webhooks(timestamptz) is
'Removes webhooks that were received 30 days (processed) or 90 days (failed) before; returns how many.';

revoke all on function clinic.remove_expired_webhooks(timestamptz) from public, anon, authenticated, service_role;
grant execute on function clinic.remove_expired_webhooks(timestamptz) to service_role;
