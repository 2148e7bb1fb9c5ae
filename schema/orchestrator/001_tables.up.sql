-- Runs of an automated pipeline, and what a person has to review before they go on.
-- Born closed: nobody but the owner may enter the schema until 003_access says who.
create schema orchestrator;
revoke all on schema orchestrator from public, anon, authenticated, service_role;

create table orchestrator.orchestrator_runs (
    id uuid not null default gen_random_uuid(),
    thread_id text not null,
    project_id uuid not null,
    story_id text not null,
    phase text not null default 'planning',
    current_agent text,
    gate_status text not null default 'pending',
    safety_score numeric(3, 2) not null default 1.00,
    violations text[],
    requires_human_review boolean not null default false,
    tokens_used integer not null default 0,
    cost_usd numeric(10, 6) not null default 0,
    started_at timestamptz not null default now(),
    completed_at timestamptz,
    updated_at timestamptz not null default now(),
    files_created text[],
    error text,
    constraint pk_orchestrator_runs primary key (id),
    constraint uq_orchestrator_runs_thread unique (thread_id),
    constraint chk_orchestrator_runs_phase check (
        phase in ('planning', 'development', 'testing', 'complete', 'failed')
    ),
    constraint chk_orchestrator_runs_gate_status check (gate_status in ('pending', 'go', 'hold', 'kill', 'recycle')),
    -- NaN is greater than every number: an upper bound keeps it out.
    constraint chk_orchestrator_runs_safety_score check (safety_score between 0 and 1),
    constraint chk_orchestrator_runs_tokens_used check (tokens_used >= 0),
    constraint chk_orchestrator_runs_cost_usd check (cost_usd >= 0 and cost_usd <> 'NaN'),
    constraint chk_orchestrator_runs_times check (completed_at >= started_at)
);

create table orchestrator.human_review_queue (
    id uuid not null default gen_random_uuid(),
    thread_id text not null,
    review_type text not null,
    reason text not null,
    safety_score numeric(3, 2),
    context jsonb,
    status text not null default 'pending',
    resolved_by text,
    resolved_at timestamptz,
    resolution_notes text,
    created_at timestamptz not null default now(),
    constraint pk_human_review_queue primary key (id),
    -- A run takes its reviews with it; a run that has any keeps its thread.
    constraint fk_human_review_queue_thread
    foreign key (thread_id) references orchestrator.orchestrator_runs (thread_id) on delete cascade,
    constraint chk_human_review_queue_review_type check (
        review_type in ('safety', 'gate_override', 'budget_exceeded')
    ),
    constraint chk_human_review_queue_safety_score check (safety_score between 0 and 1),
    constraint chk_human_review_queue_status check (status in ('pending', 'approved', 'rejected')),
    constraint chk_human_review_queue_resolved_by check ((resolved_by is not null) = (status <> 'pending')),
    constraint chk_human_review_queue_resolved_at check ((resolved_at is not null) = (status <> 'pending')),
    constraint chk_human_review_queue_resolution_notes check (resolution_notes is null or status <> 'pending')
);

revoke all on orchestrator.orchestrator_runs, orchestrator.human_review_queue
from public, anon, authenticated, service_role;

-- The runs of a project, those in a phase or at a gate, that of a thread.
create index idx_orchestrator_runs_project on orchestrator.orchestrator_runs (project_id);
create index idx_orchestrator_runs_status on orchestrator.orchestrator_runs (phase, gate_status);
create index idx_orchestrator_runs_thread on orchestrator.orchestrator_runs (thread_id);

-- The reviews of a run, which also serves its foreign key; what waits; all of one type.
create index idx_human_review_thread on orchestrator.human_review_queue (thread_id);
create index idx_human_review_status on orchestrator.human_review_queue (status);
create index idx_human_review_type on orchestrator.human_review_queue (review_type);

comment on table orchestrator.orchestrator_runs is
'One run of the pipeline over one story. Kept for 2 years. [platform]';
comment on column orchestrator.orchestrator_runs.id is
'Names the run. [platform]';
comment on column orchestrator.orchestrator_runs.thread_id is
'The thread of the agents that do it; a run has one of its own. [platform]';
comment on column orchestrator.orchestrator_runs.project_id is
'The project it works on. [administrative]';
comment on column orchestrator.orchestrator_runs.story_id is
'The story it implements. [administrative]';
comment on column orchestrator.orchestrator_runs.phase is
'How far it is. [administrative]';
comment on column orchestrator.orchestrator_runs.current_agent is
'The agent at work; null between two. [platform]';
comment on column orchestrator.orchestrator_runs.gate_status is
'What the gate after this phase said. [administrative]';
comment on column orchestrator.orchestrator_runs.safety_score is
'From 0 (stop) to 1 (nothing found). [administrative]';
comment on column orchestrator.orchestrator_runs.violations is
'The rules it broke. [administrative]';
comment on column orchestrator.orchestrator_runs.requires_human_review is
'Whether it waits for a person. [administrative]';
comment on column orchestrator.orchestrator_runs.tokens_used is
'Tokens of language models, in all. [platform]';
comment on column orchestrator.orchestrator_runs.cost_usd is
'US dollars, in all. [administrative]';
comment on column orchestrator.orchestrator_runs.started_at is
'When it began. [administrative]';
comment on column orchestrator.orchestrator_runs.completed_at is
'When it ended, well or not; null while it runs. [administrative]';
comment on column orchestrator.orchestrator_runs.updated_at is
'When the row was last written, kept by a trigger. [administrative]';
comment on column orchestrator.orchestrator_runs.files_created is
'The files it made, as paths in the project. [platform]';
comment on column orchestrator.orchestrator_runs.error is
'What went wrong, if it failed. [platform]';

comment on table orchestrator.human_review_queue is
'What a person has to decide about a run; once resolved it never changes. Kept as long as the run is. [administrative]';
comment on column orchestrator.human_review_queue.id is
'Names the review. [administrative]';
comment on column orchestrator.human_review_queue.thread_id is
'The thread of the run. [platform]';
comment on column orchestrator.human_review_queue.review_type is
'What kind of decision it is. [administrative]';
comment on column orchestrator.human_review_queue.reason is
'Why it is asked for. [administrative]';
comment on column orchestrator.human_review_queue.safety_score is
'The score that led to it, if one did: from 0 to 1. [administrative]';
comment on column orchestrator.human_review_queue.context is
'What there is to look at. [platform]';
comment on column orchestrator.human_review_queue.status is
'pending at first; approved and rejected are final. [administrative]';
comment on column orchestrator.human_review_queue.resolved_by is
'Who decided: the id of a user, or the name of a service. [administrative]';
comment on column orchestrator.human_review_queue.resolved_at is
'When it was decided. [administrative]';
comment on column orchestrator.human_review_queue.resolution_notes is
'What they said about it. [administrative]';
comment on column orchestrator.human_review_queue.created_at is
'When it was asked for. [administrative]';
