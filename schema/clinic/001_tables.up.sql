-- A receptionist that answers patients on messaging platforms, and the calendar of the doctors it works for.
-- Born closed: nobody but the owner may enter the schema until 005_access says who.
create schema clinic;
revoke all on schema clinic from public, anon, authenticated, service_role;

-- Windows that do not overlap need the equality of uuid and integer beside the overlap of ranges in one GiST index.
-- A host may have the extension already; what is made here says so, and goes with the schema.
do $$
begin
    if not exists (select from pg_extension where extname = 'btree_gist') then
        create extension btree_gist schema clinic;
        comment on extension btree_gist is 'Equality in GiST indexes. Made by the module clinic.';
    end if;
end
$$;

create table clinic.patients (
    id uuid not null default gen_random_uuid(),
    name text not null,
    phone text not null,
    date_of_birth date,
    gender text,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint patients_pkey primary key (id)
);

create table clinic.conversations (
    id uuid not null default gen_random_uuid(),
    doctor_id uuid not null,
    patient_id uuid not null,
    platform text not null,
    platform_conversation_id text not null,
    status text not null default 'active',
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint conversations_pkey primary key (id),
    constraint conversations_unique_on_platform unique (doctor_id, platform, platform_conversation_id),
    constraint conversations_doctor_fkey
    foreign key (doctor_id) references auth.users (id) on delete cascade on update no action,
    constraint conversations_patient_fkey
    foreign key (patient_id) references clinic.patients (id) on delete cascade on update no action,
    constraint conversations_platform_known check (platform in ('facebook', 'instagram', 'whatsapp')),
    constraint conversations_status_known check (status in ('active', 'archived', 'closed'))
);

create table clinic.messages (
    id uuid not null default gen_random_uuid(),
    conversation_id uuid not null,
    platform_message_id text not null,
    sender_type text not null,
    content text not null,
    intent text,
    created_at timestamptz not null default now(),
    constraint messages_pkey primary key (id),
    constraint messages_unique_in_conversation unique (conversation_id, platform_message_id),
    constraint messages_conversation_fkey
    foreign key (conversation_id) references clinic.conversations (id) on delete cascade on update no action,
    constraint messages_sender_type_known check (sender_type in ('patient', 'doctor', 'system'))
);

create table clinic.appointments (
    id uuid not null default gen_random_uuid(),
    doctor_id uuid not null,
    patient_name text not null,
    patient_phone text not null,
    appointment_date timestamptz not null,
    status text not null default 'pending',
    notes text,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint appointments_pkey primary key (id),
    constraint appointments_doctor_fkey
    foreign key (doctor_id) references auth.users (id) on delete cascade on update no action,
    constraint appointments_status_known check (status in ('pending', 'confirmed', 'cancelled', 'completed'))
);

create table clinic.availability (
    id uuid not null default gen_random_uuid(),
    doctor_id uuid not null,
    day_of_week integer not null,
    start_time time not null,
    end_time time not null,
    is_available boolean not null default true,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint availability_pkey primary key (id),
    constraint availability_unique_window unique (doctor_id, day_of_week, start_time, end_time),
    constraint availability_doctor_fkey
    foreign key (doctor_id) references auth.users (id) on delete cascade on update no action,
    constraint availability_day_of_week_range check (day_of_week between 0 and 6),
    constraint availability_time_range check (start_time < end_time)
);

-- There is no range of times of day: it is laid on a day, which one does not matter. By itself, so that it comes after
-- the unique key, and the same window twice is reported as such.
alter table clinic.availability
add constraint availability_no_overlap exclude using gist (
    doctor_id with =,
    day_of_week with =,
    tsrange('2000-01-01'::date + start_time, '2000-01-01'::date + end_time) with &&
) where (is_available);

create table clinic.blocked_times (
    id uuid not null default gen_random_uuid(),
    doctor_id uuid not null,
    start_time timestamptz not null,
    end_time timestamptz not null,
    reason text,
    created_at timestamptz not null default now(),
    constraint blocked_times_pkey primary key (id),
    constraint blocked_times_no_overlap exclude using gist (
        doctor_id with =,
        tstzrange(start_time, end_time) with &&
    ),
    constraint blocked_times_doctor_fkey
    foreign key (doctor_id) references auth.users (id) on delete cascade on update no action,
    constraint blocked_times_time_range check (start_time < end_time)
);

create table clinic.webhook_idempotency (
    event_id text not null,
    provider text not null,
    received_at timestamptz not null default now(),
    status text not null default 'pending',
    processed_at timestamptz,
    correlation_id text not null,
    error_message text,
    retry_count integer not null default 0,
    constraint webhook_idempotency_pkey primary key (event_id),
    constraint webhook_idempotency_provider_known check (provider in ('facebook', 'instagram', 'whatsapp')),
    constraint webhook_idempotency_status_known check (status in ('pending', 'processed', 'failed')),
    constraint webhook_idempotency_when_processed check ((processed_at is not null) = (status = 'processed')),
    constraint webhook_idempotency_retry_count_not_negative check (retry_count >= 0)
);

create table clinic.audit_logs (
    id uuid not null default gen_random_uuid(),
    correlation_id text not null,
    user_id uuid,
    action text not null,
    resource_type text not null,
    resource_id uuid,
    status text not null,
    error_message text,
    metadata jsonb,
    created_at timestamptz not null default now(),
    constraint audit_logs_pkey primary key (id),
    constraint audit_logs_user_fkey
    foreign key (user_id) references auth.users (id) on delete set null on update no action,
    constraint audit_logs_status_known check (status in ('success', 'failure')),
    constraint audit_logs_metadata_object check (jsonb_typeof(metadata) = 'object'),
    -- Ids ("…_id") and the names of changed fields ("changed"): no value that somebody wrote gets in here.
    constraint audit_logs_metadata_ids_and_fields check (not (
        metadata @? '
            $.keyvalue() ? (!(
                @.key == "changed" && @.value.type() == "array"
                && !exists(@.value[*] ? (!(@.type() == "string" && @ like_regex "^[a-z_]{1,63}$")))
                || @.key like_regex "^[a-z_]{1,60}_id$" && @.value.type() == "string"
                && @.value like_regex "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
            ))
        '
    ))
);

revoke all on
clinic.patients, clinic.conversations, clinic.messages, clinic.appointments, clinic.availability, clinic.blocked_times,
clinic.webhook_idempotency, clinic.audit_logs
from public, anon, authenticated, service_role;

comment on table clinic.patients is
'Whoever wrote to a doctor; encrypted at rest and in transit. Kept as long as there is a conversation. [PHI]';
comment on column clinic.patients.id is 'Names the patient. [administrative]';
comment on column clinic.patients.name is 'What the patient is called; encrypted at rest and in transit. [PHI]';
comment on column clinic.patients.phone is
'Where the patient is called; encrypted at rest and in transit. [PHI]';
comment on column clinic.patients.date_of_birth is
'When the patient was born, if they said; encrypted at rest and in transit. [PHI]';
comment on column clinic.patients.gender is
'What the patient says of their gender, in their words; encrypted at rest and in transit. [PHI]';
comment on column clinic.patients.created_at is 'When the patient first wrote. [administrative]';
comment on column clinic.patients.updated_at is
'When the row was last written, kept by a trigger. [administrative]';

comment on table clinic.conversations is
'A thread of a patient with a doctor on a platform. Kept as long as the doctor and the patient are. [personal]';
comment on column clinic.conversations.id is 'Names the conversation. [administrative]';
comment on column clinic.conversations.doctor_id is 'The doctor it is with, and goes with. [administrative]';
comment on column clinic.conversations.patient_id is 'The patient it is with, and goes with. [administrative]';
comment on column clinic.conversations.platform is 'Where it is held. [administrative]';
comment on column clinic.conversations.platform_conversation_id is 'What the platform calls it. [personal]';
comment on column clinic.conversations.status is
'Whether it goes on, is put away, or is over. [administrative]';
comment on column clinic.conversations.created_at is 'When it began. [administrative]';
comment on column clinic.conversations.updated_at is
'When the row was last written, kept by a trigger. [administrative]';

comment on table clinic.messages is
'What was said in a conversation; encrypted at rest and in transit. Kept as long as the conversation is. [PHI]';
comment on column clinic.messages.id is 'Names the message. [administrative]';
comment on column clinic.messages.conversation_id is
'The conversation it was said in, and goes with. [administrative]';
comment on column clinic.messages.platform_message_id is
'What the platform calls it; a message that is delivered twice is one. [platform]';
comment on column clinic.messages.sender_type is 'Who said it. [administrative]';
comment on column clinic.messages.content is 'What was said; encrypted at rest and in transit. [PHI]';
comment on column clinic.messages.intent is 'What the patient wants, as far as it was understood. [personal]';
comment on column clinic.messages.created_at is 'When it was said. [administrative]';

comment on table clinic.appointments is
'Who comes to which doctor, and when; encrypted at rest and in transit. Kept for 7 years. [PHI]';
comment on column clinic.appointments.id is 'Names the appointment. [administrative]';
comment on column clinic.appointments.doctor_id is 'The doctor it is with, and goes with. [administrative]';
comment on column clinic.appointments.patient_name is 'Who comes; encrypted at rest and in transit. [PHI]';
comment on column clinic.appointments.patient_phone is
'Where they are called; encrypted at rest and in transit. [PHI]';
comment on column clinic.appointments.appointment_date is 'When they come. [personal]';
comment on column clinic.appointments.status is 'Whether it is agreed, called off or over. [administrative]';
comment on column clinic.appointments.notes is
'What the doctor should know before; encrypted at rest and in transit. [PHI]';
comment on column clinic.appointments.created_at is 'When it was asked for. [administrative]';
comment on column clinic.appointments.updated_at is
'When the row was last written, kept by a trigger. [administrative]';

comment on table clinic.availability is
'When a doctor usually sees patients, week by week. Kept as long as the doctor is. [administrative]';
comment on column clinic.availability.id is 'Names the window. [administrative]';
comment on column clinic.availability.doctor_id is 'Whose window it is. [administrative]';
comment on column clinic.availability.day_of_week is
'The day, from 0 for Sunday to 6 for Saturday. [administrative]';
comment on column clinic.availability.start_time is
'When it begins, in the time of the practice. [administrative]';
comment on column clinic.availability.end_time is
'When it is over: the first moment after it. [administrative]';
comment on column clinic.availability.is_available is 'Whether patients are seen in it. [administrative]';
comment on column clinic.availability.created_at is 'When it was made. [administrative]';
comment on column clinic.availability.updated_at is
'When the row was last written, kept by a trigger. [administrative]';

comment on table clinic.blocked_times is
'When a doctor sees nobody, whatever the week says. Kept as long as the doctor is. [personal]';
comment on column clinic.blocked_times.id is 'Names the block. [administrative]';
comment on column clinic.blocked_times.doctor_id is 'Whose block it is. [administrative]';
comment on column clinic.blocked_times.start_time is 'When it begins. [administrative]';
comment on column clinic.blocked_times.end_time is
'When it is over: the first moment after it. [administrative]';
comment on column clinic.blocked_times.reason is 'Why, if the doctor says so. [personal]';
comment on column clinic.blocked_times.created_at is 'When it was made. [administrative]';

comment on table clinic.webhook_idempotency is
'Events of the platforms, so that none is worked on twice. Kept for 30 days once processed, 90 once failed. [platform]';
comment on column clinic.webhook_idempotency.event_id is 'What the platform calls the event. [platform]';
comment on column clinic.webhook_idempotency.provider is 'The platform. [platform]';
comment on column clinic.webhook_idempotency.received_at is
'When it came in; its days are counted from here. [platform]';
comment on column clinic.webhook_idempotency.status is 'Whether it waits, is done, or went wrong. [platform]';
comment on column clinic.webhook_idempotency.processed_at is
'When it was done; null while it is not. [platform]';
comment on column clinic.webhook_idempotency.correlation_id is 'The request it came with. [platform]';
comment on column clinic.webhook_idempotency.error_message is
'What went wrong, without what was said. [platform]';
comment on column clinic.webhook_idempotency.retry_count is 'How often it was tried again. [platform]';

comment on table clinic.audit_logs is
'Who did what to which row; never changed, never deleted by hand. Kept for 7 years. [administrative]';
comment on column clinic.audit_logs.id is 'Names the entry. [administrative]';
comment on column clinic.audit_logs.correlation_id is 'The request it was part of. [administrative]';
comment on column clinic.audit_logs.user_id is
'Who did it; null if it was no user, or if they are gone. [administrative]';
comment on column clinic.audit_logs.action is 'What was done, such as appointment.confirm. [administrative]';
comment on column clinic.audit_logs.resource_type is 'The kind of thing it was done to. [administrative]';
comment on column clinic.audit_logs.resource_id is 'The row it was done to; null if to none. [administrative]';
comment on column clinic.audit_logs.status is 'Whether it was done. [administrative]';
comment on column clinic.audit_logs.error_message is 'What went wrong, without whose it was. [platform]';
comment on column clinic.audit_logs.metadata is
'Ids and names of changed fields, never what they held. [administrative]';
comment on column clinic.audit_logs.created_at is 'When it was done. [administrative]';
