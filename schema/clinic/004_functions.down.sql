drop function clinic.remove_expired_webhooks(timestamptz);
