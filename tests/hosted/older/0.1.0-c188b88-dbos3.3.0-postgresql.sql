--
-- PostgreSQL database dump
--


-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
-- Dumped by pg_dump version 15.18 (Debian 15.18-0+deb12u1)

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: dbos; Type: SCHEMA; Schema: -; Owner: -
--

CREATE SCHEMA dbos;


--
-- Name: enqueue_workflow(text, text, json[], json, text, text, text, text, bigint, bigint, text, integer, text, text, text, bigint, text); Type: FUNCTION; Schema: dbos; Owner: -
--

CREATE FUNCTION dbos.enqueue_workflow(workflow_name text, queue_name text, positional_args json[] DEFAULT ARRAY[]::json[], named_args json DEFAULT '{}'::json, class_name text DEFAULT NULL::text, config_name text DEFAULT NULL::text, workflow_id text DEFAULT NULL::text, app_version text DEFAULT NULL::text, timeout_ms bigint DEFAULT NULL::bigint, deadline_epoch_ms bigint DEFAULT NULL::bigint, deduplication_id text DEFAULT NULL::text, priority integer DEFAULT NULL::integer, queue_partition_key text DEFAULT NULL::text, authenticated_user text DEFAULT NULL::text, authenticated_roles text DEFAULT NULL::text, delay_until_epoch_ms bigint DEFAULT NULL::bigint, application_name text DEFAULT NULL::text) RETURNS text
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    v_workflow_id TEXT;
    v_serialized_inputs TEXT;
    v_owner_xid TEXT;
    v_now BIGINT;
    v_recovery_attempts INT4 := 0;
    v_priority INT4;
    v_status TEXT;
BEGIN

    -- Validate required parameters
    IF workflow_name IS NULL OR workflow_name = '' THEN
        RAISE EXCEPTION 'Workflow name cannot be null or empty';
    END IF;
    IF queue_name IS NULL OR queue_name = '' THEN
        RAISE EXCEPTION 'Queue name cannot be null or empty';
    END IF;
    IF named_args IS NOT NULL AND jsonb_typeof(named_args::jsonb) != 'object' THEN
        RAISE EXCEPTION 'Named args must be a JSON object';
    END IF;
    IF workflow_id IS NOT NULL AND workflow_id = '' THEN
        RAISE EXCEPTION 'Workflow ID cannot be an empty string if provided.';
    END IF;
    IF delay_until_epoch_ms IS NOT NULL AND delay_until_epoch_ms < 0 THEN
        RAISE EXCEPTION 'delay_until_epoch_ms must be >= 0';
    END IF;

    v_workflow_id := COALESCE(workflow_id, gen_random_uuid()::TEXT);
    v_owner_xid := gen_random_uuid()::TEXT;
    v_priority := COALESCE(priority, 0);
    v_serialized_inputs := json_build_object(
        'positionalArgs', positional_args,
        'namedArgs', named_args
    )::TEXT;
    v_now := EXTRACT(epoch FROM now()) * 1000;
    v_status := CASE WHEN delay_until_epoch_ms IS NULL THEN 'ENQUEUED' ELSE 'DELAYED' END;

    INSERT INTO "dbos".workflow_status (
        workflow_uuid, status,
        name, class_name, config_name,
        queue_name, deduplication_id, priority, queue_partition_key,
        application_version,
        created_at, updated_at, recovery_attempts,
        workflow_timeout_ms, workflow_deadline_epoch_ms,
        parent_workflow_id, owner_xid, serialization,
        authenticated_user, authenticated_roles,
        delay_until_epoch_ms, application_name
    ) VALUES (
        v_workflow_id, v_status,
        workflow_name, class_name, config_name,
        queue_name, deduplication_id, v_priority, queue_partition_key,
        app_version,
        v_now, v_now, v_recovery_attempts,
        timeout_ms, deadline_epoch_ms,
        NULL, v_owner_xid, 'portable_json',
        authenticated_user, authenticated_roles,
        delay_until_epoch_ms, application_name
    )
    ON CONFLICT (workflow_uuid)
    DO UPDATE SET
        updated_at = EXCLUDED.updated_at;

    INSERT INTO "dbos".workflow_input (
        workflow_uuid, inputs, retention_timestamp
    ) VALUES (
        v_workflow_id, v_serialized_inputs, v_now
    )
    ON CONFLICT (workflow_uuid) DO NOTHING;

    RETURN v_workflow_id;

EXCEPTION
    WHEN unique_violation THEN
        RAISE EXCEPTION 'DBOS queue duplicated'
            USING DETAIL = format('Workflow %s with queue %s and deduplication ID %s already exists', v_workflow_id, queue_name, deduplication_id),
                ERRCODE = 'unique_violation';
END;
$$;


--
-- Name: notifications_function(); Type: FUNCTION; Schema: dbos; Owner: -
--

CREATE FUNCTION dbos.notifications_function() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    payload text := NEW.destination_uuid || '::' || NEW.topic;
BEGIN
    PERFORM pg_notify('dbos_notifications_channel', payload);
    RETURN NEW;
END;
$$;


--
-- Name: send_message(text, json, text, text); Type: FUNCTION; Schema: dbos; Owner: -
--

CREATE FUNCTION dbos.send_message(destination_id text, message json, topic text DEFAULT NULL::text, message_id text DEFAULT NULL::text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    v_topic TEXT := COALESCE(topic, '__null__topic__');
    v_message_id TEXT := COALESCE(message_id, gen_random_uuid()::TEXT);
BEGIN
    INSERT INTO "dbos".notifications (
        destination_uuid, topic, message, message_uuid, serialization
    ) VALUES (
        destination_id, v_topic, message, v_message_id, 'portable_json'
    )
    ON CONFLICT (message_uuid) DO NOTHING;
EXCEPTION
    WHEN foreign_key_violation THEN
        RAISE EXCEPTION 'DBOS non-existent workflow'
            USING DETAIL = format('Destination workflow %s does not exist', destination_id),
                ERRCODE = 'foreign_key_violation';
END;
$$;


SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: application_versions; Type: TABLE; Schema: dbos; Owner: -
--

CREATE TABLE dbos.application_versions (
    version_id text NOT NULL,
    version_name text NOT NULL,
    version_timestamp bigint DEFAULT ((EXTRACT(epoch FROM now()) * 1000.0))::bigint NOT NULL,
    created_at bigint DEFAULT ((EXTRACT(epoch FROM now()) * 1000.0))::bigint NOT NULL,
    application_name text
);


--
-- Name: dbos_migrations; Type: TABLE; Schema: dbos; Owner: -
--

CREATE TABLE dbos.dbos_migrations (
    version bigint NOT NULL
);


--
-- Name: event_dispatch_kv; Type: TABLE; Schema: dbos; Owner: -
--

CREATE TABLE dbos.event_dispatch_kv (
    service_name text NOT NULL,
    workflow_fn_name text NOT NULL,
    key text NOT NULL,
    value text,
    update_seq numeric(38,0),
    update_time numeric(38,15)
);


--
-- Name: notifications; Type: TABLE; Schema: dbos; Owner: -
--

CREATE TABLE dbos.notifications (
    message_uuid text DEFAULT gen_random_uuid() NOT NULL,
    destination_uuid text NOT NULL,
    topic text,
    message text NOT NULL,
    created_at_epoch_ms bigint DEFAULT ((EXTRACT(epoch FROM now()) * 1000.0))::bigint NOT NULL,
    serialization text,
    consumed boolean DEFAULT false NOT NULL,
    consumed_by_function_id integer
);


--
-- Name: operation_outputs; Type: TABLE; Schema: dbos; Owner: -
--

CREATE TABLE dbos.operation_outputs (
    workflow_uuid text NOT NULL,
    function_id integer NOT NULL,
    function_name text DEFAULT ''::text NOT NULL,
    output text,
    error text,
    child_workflow_id text,
    started_at_epoch_ms bigint,
    completed_at_epoch_ms bigint,
    serialization text,
    application_name text,
    retention_timestamp bigint DEFAULT ((EXTRACT(epoch FROM now()) * 1000.0))::bigint NOT NULL
);


--
-- Name: queues; Type: TABLE; Schema: dbos; Owner: -
--

CREATE TABLE dbos.queues (
    queue_id text DEFAULT (gen_random_uuid())::text NOT NULL,
    name text NOT NULL,
    concurrency integer,
    worker_concurrency integer,
    rate_limit_max integer,
    rate_limit_period_sec double precision,
    priority_enabled boolean DEFAULT false NOT NULL,
    partition_queue boolean DEFAULT false NOT NULL,
    polling_interval_sec double precision DEFAULT 1.0 NOT NULL,
    created_at bigint DEFAULT ((EXTRACT(epoch FROM now()) * 1000.0))::bigint NOT NULL,
    updated_at bigint DEFAULT ((EXTRACT(epoch FROM now()) * 1000.0))::bigint NOT NULL,
    application_name text,
    partition_concurrency integer,
    partition_worker_concurrency integer,
    partition_rate_limit_max integer,
    partition_rate_limit_period_sec double precision
);


--
-- Name: streams; Type: TABLE; Schema: dbos; Owner: -
--

CREATE TABLE dbos.streams (
    workflow_uuid text NOT NULL,
    key text NOT NULL,
    value text NOT NULL,
    "offset" integer NOT NULL,
    function_id integer DEFAULT 0 NOT NULL,
    serialization text
);


--
-- Name: workflow_events; Type: TABLE; Schema: dbos; Owner: -
--

CREATE TABLE dbos.workflow_events (
    workflow_uuid text NOT NULL,
    key text NOT NULL,
    value text NOT NULL,
    serialization text
);


--
-- Name: workflow_events_history; Type: TABLE; Schema: dbos; Owner: -
--

CREATE TABLE dbos.workflow_events_history (
    workflow_uuid text NOT NULL,
    function_id integer NOT NULL,
    key text NOT NULL,
    value text NOT NULL,
    serialization text
);


--
-- Name: workflow_input; Type: TABLE; Schema: dbos; Owner: -
--

CREATE TABLE dbos.workflow_input (
    workflow_uuid text NOT NULL,
    inputs text,
    retention_timestamp bigint DEFAULT ((EXTRACT(epoch FROM now()) * 1000.0))::bigint NOT NULL
);


--
-- Name: workflow_output; Type: TABLE; Schema: dbos; Owner: -
--

CREATE TABLE dbos.workflow_output (
    workflow_uuid text NOT NULL,
    output text,
    error text,
    retention_timestamp bigint DEFAULT ((EXTRACT(epoch FROM now()) * 1000.0))::bigint NOT NULL
);


--
-- Name: workflow_schedules; Type: TABLE; Schema: dbos; Owner: -
--

CREATE TABLE dbos.workflow_schedules (
    schedule_id text NOT NULL,
    schedule_name text NOT NULL,
    workflow_name text NOT NULL,
    workflow_class_name text,
    schedule text NOT NULL,
    status text DEFAULT 'ACTIVE'::text NOT NULL,
    context text NOT NULL,
    last_fired_at text,
    automatic_backfill boolean DEFAULT false NOT NULL,
    cron_timezone text,
    queue_name text,
    application_name text
);


--
-- Name: workflow_status; Type: TABLE; Schema: dbos; Owner: -
--

CREATE TABLE dbos.workflow_status (
    workflow_uuid text NOT NULL,
    status text,
    name text,
    authenticated_user text,
    assumed_role text,
    authenticated_roles text,
    request text,
    output text,
    error text,
    executor_id text,
    created_at bigint DEFAULT ((EXTRACT(epoch FROM now()) * 1000.0))::bigint NOT NULL,
    updated_at bigint DEFAULT ((EXTRACT(epoch FROM now()) * 1000.0))::bigint NOT NULL,
    application_version text,
    application_id text,
    class_name character varying(255) DEFAULT NULL::character varying,
    config_name character varying(255) DEFAULT NULL::character varying,
    recovery_attempts bigint DEFAULT 0,
    queue_name text,
    workflow_timeout_ms bigint,
    workflow_deadline_epoch_ms bigint,
    inputs text,
    started_at_epoch_ms bigint,
    deduplication_id text,
    priority integer DEFAULT 0 NOT NULL,
    queue_partition_key text,
    forked_from text,
    owner_xid text,
    parent_workflow_id text,
    serialization text,
    delay_until_epoch_ms bigint,
    was_forked_from boolean DEFAULT false NOT NULL,
    rate_limited boolean DEFAULT false NOT NULL,
    completed_at bigint,
    attributes jsonb,
    schedule_name text,
    debounce_deadline_epoch_ms bigint,
    is_debounced boolean DEFAULT false NOT NULL,
    application_name text,
    creator_xid text
);


--
-- Name: account; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.account (
    id character varying(32) NOT NULL,
    name character varying(200) NOT NULL,
    level character varying(40) NOT NULL,
    is_admin boolean NOT NULL,
    has_credit_limit boolean NOT NULL,
    max_running integer NOT NULL,
    max_requests_per_min integer NOT NULL,
    priority integer NOT NULL,
    key_sha256 character varying(64) NOT NULL,
    webhook_secret character varying(100) NOT NULL,
    created_at bigint NOT NULL,
    revoked_at bigint
);


--
-- Name: alembic_version; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);


--
-- Name: batch; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.batch (
    id character varying(32) NOT NULL,
    account_id character varying(32) NOT NULL,
    key character varying(255),
    fingerprint character varying(64) NOT NULL,
    n_items integer NOT NULL,
    created_at bigint NOT NULL
);


--
-- Name: batch_item; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.batch_item (
    batch_id character varying(32) NOT NULL,
    "position" integer NOT NULL,
    reference character varying(200),
    job_id character varying(32),
    error_code character varying(40),
    error_message text
);


--
-- Name: beat; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.beat (
    worker_id character varying(200) NOT NULL,
    beaten_at bigint NOT NULL,
    queues text DEFAULT ''::text NOT NULL,
    machine character varying(100) DEFAULT ''::character varying NOT NULL
);


--
-- Name: duty; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.duty (
    name character varying(40) NOT NULL,
    due_at bigint NOT NULL
);


--
-- Name: idempotency; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.idempotency (
    account_id character varying(32) NOT NULL,
    key character varying(255) NOT NULL,
    fingerprint character varying(64) NOT NULL,
    job_id character varying(32),
    claimed_at bigint NOT NULL
);


--
-- Name: job; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.job (
    id character varying(32) NOT NULL,
    number bigint NOT NULL,
    account_id character varying(32) NOT NULL,
    face character varying(20) NOT NULL,
    model character varying(200) NOT NULL,
    request json NOT NULL,
    inputs json NOT NULL,
    state character varying(10) NOT NULL,
    phase character varying(10) NOT NULL,
    progress double precision NOT NULL,
    n_attempts integer NOT NULL,
    created_at bigint NOT NULL,
    started_at bigint,
    finished_at bigint,
    deleted_at bigint,
    outputs json NOT NULL,
    error_code character varying(40),
    error_message text,
    has_nsfw json NOT NULL,
    price_microusd bigint NOT NULL,
    report json NOT NULL
);


--
-- Name: ledger; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.ledger (
    id bigint NOT NULL,
    account_id character varying(32) NOT NULL,
    job_id character varying(32),
    kind character varying(10) NOT NULL,
    amount_microusd bigint NOT NULL,
    note text NOT NULL,
    created_at bigint NOT NULL
);


--
-- Name: ledger_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.ledger_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: ledger_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.ledger_id_seq OWNED BY public.ledger.id;


--
-- Name: media; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.media (
    id character varying(32) NOT NULL,
    number bigint NOT NULL,
    account_id character varying(32) NOT NULL,
    purpose character varying(10) NOT NULL,
    job_id character varying(32),
    kind character varying(10) NOT NULL,
    filename character varying(255) NOT NULL,
    content_type character varying(100) NOT NULL,
    n_bytes bigint NOT NULL,
    sha256 character varying(64) NOT NULL,
    duration_s double precision,
    width_px integer,
    height_px integer,
    created_at bigint NOT NULL,
    expires_at bigint NOT NULL
);


--
-- Name: outbox; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.outbox (
    id character varying(32) NOT NULL,
    job_id character varying(32) NOT NULL,
    account_id character varying(32) NOT NULL,
    face character varying(20) NOT NULL,
    url text NOT NULL,
    state character varying(10) NOT NULL,
    n_attempts integer NOT NULL,
    created_at bigint NOT NULL,
    next_at bigint NOT NULL,
    delivered_at bigint,
    last_error text NOT NULL
);


--
-- Name: pass; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.pass (
    sha256 character varying(64) NOT NULL,
    kind character varying(10) NOT NULL,
    account_id character varying(32) NOT NULL,
    job_id character varying(32),
    created_at bigint NOT NULL,
    expires_at bigint NOT NULL
);


--
-- Name: ticket; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.ticket (
    id character varying(43) NOT NULL,
    account_id character varying(32) NOT NULL,
    media_id character varying(32) NOT NULL,
    media_number bigint NOT NULL,
    filename character varying(255) NOT NULL,
    content_type character varying(100) NOT NULL,
    n_bytes bigint,
    expires_at bigint NOT NULL
);


--
-- Name: ledger id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.ledger ALTER COLUMN id SET DEFAULT nextval('public.ledger_id_seq'::regclass);


--
-- Data for Name: application_versions; Type: TABLE DATA; Schema: dbos; Owner: -
--

INSERT INTO dbos.application_versions VALUES ('41434ee0-57ad-4bf2-9fd4-dc132232eb52', '1', 1795261304562, 1795261304562, 'lipwright');


--
-- Data for Name: dbos_migrations; Type: TABLE DATA; Schema: dbos; Owner: -
--

INSERT INTO dbos.dbos_migrations VALUES (123);


--
-- Data for Name: event_dispatch_kv; Type: TABLE DATA; Schema: dbos; Owner: -
--



--
-- Data for Name: notifications; Type: TABLE DATA; Schema: dbos; Owner: -
--



--
-- Data for Name: operation_outputs; Type: TABLE DATA; Schema: dbos; Owner: -
--

INSERT INTO dbos.operation_outputs VALUES ('d3fa17d813e08382d10968e5e4f9fba2', 1, 'prepare', 'gASVBwAAAAAAAACMA2NwdZQu', NULL, NULL, 1795261306624, 1795261306870, 'py_pickle', 'lipwright', 1795261306872);
INSERT INTO dbos.operation_outputs VALUES ('d3fa17d813e08382d10968e5e4f9fba2', 2, 'render', NULL, NULL, 'd3fa17d813e08382d10968e5e4f9fba2-render', 1795261306931, 1795261307072, NULL, 'lipwright', 1795261306994);
INSERT INTO dbos.operation_outputs VALUES ('d3fa17d813e08382d10968e5e4f9fba2-render', 1, 'render_step', 'gASILg==', NULL, NULL, 1795261307411, 1795261309154, 'py_pickle', 'lipwright', 1795261309156);
INSERT INTO dbos.operation_outputs VALUES ('d3fa17d813e08382d10968e5e4f9fba2', 3, 'DBOS.getResult', 'gASILg==', NULL, 'd3fa17d813e08382d10968e5e4f9fba2-render', 1795261307199, 1795261309561, 'py_pickle', 'lipwright', 1795261309590);
INSERT INTO dbos.operation_outputs VALUES ('c92a3e015fd604e3bddae87a3350475f', 1, 'prepare', 'gASVBwAAAAAAAACMA2NwdZQu', NULL, NULL, 1795261309684, 1795261309966, 'py_pickle', 'lipwright', 1795261309968);
INSERT INTO dbos.operation_outputs VALUES ('c92a3e015fd604e3bddae87a3350475f', 2, 'render', NULL, NULL, 'c92a3e015fd604e3bddae87a3350475f-render', 1795261310003, 1795261310123, NULL, 'lipwright', 1795261310057);
INSERT INTO dbos.operation_outputs VALUES ('db5040eec768a37353c435313c64c74a', 1, 'prepare', 'gASVBwAAAAAAAACMA2NwdZQu', NULL, NULL, 1795261313989, 1795261314634, 'py_pickle', 'lipwright', 1795261314661);
INSERT INTO dbos.operation_outputs VALUES ('db5040eec768a37353c435313c64c74a', 2, 'render', NULL, NULL, 'db5040eec768a37353c435313c64c74a-render', 1795261314748, 1795261315015, NULL, 'lipwright', 1795261314872);
INSERT INTO dbos.operation_outputs VALUES ('68967f98157bf0deeab5a7fd3e4f02bc', 1, 'prepare', 'gASVBwAAAAAAAACMA2NwdZQu', NULL, NULL, 1795261314945, 1795261315354, 'py_pickle', 'lipwright', 1795261315360);
INSERT INTO dbos.operation_outputs VALUES ('68967f98157bf0deeab5a7fd3e4f02bc', 2, 'render', NULL, NULL, '68967f98157bf0deeab5a7fd3e4f02bc-render', 1795261315497, 1795261315891, NULL, 'lipwright', 1795261315721);


--
-- Data for Name: queues; Type: TABLE DATA; Schema: dbos; Owner: -
--

INSERT INTO dbos.queues VALUES ('39237683-7204-4fcf-aecf-6d2ec49f0029', 'render', NULL, 1, NULL, NULL, true, false, 0.2, 1795261304942, 1795261304937, 'lipwright', NULL, NULL, NULL, NULL);
INSERT INTO dbos.queues VALUES ('1c08585e-e2de-4b3c-b993-5b879e147b77', 'admit-3', NULL, NULL, NULL, NULL, true, true, 0.2, 1795261305209, 1795261305194, 'lipwright', 3, NULL, NULL, NULL);


--
-- Data for Name: streams; Type: TABLE DATA; Schema: dbos; Owner: -
--



--
-- Data for Name: workflow_events; Type: TABLE DATA; Schema: dbos; Owner: -
--



--
-- Data for Name: workflow_events_history; Type: TABLE DATA; Schema: dbos; Owner: -
--



--
-- Data for Name: workflow_input; Type: TABLE DATA; Schema: dbos; Owner: -
--

INSERT INTO dbos.workflow_input VALUES ('d3fa17d813e08382d10968e5e4f9fba2', 'gASVPgAAAAAAAAB9lCiMBGFyZ3OUjCBkM2ZhMTdkODEzZTA4MzgyZDEwOTY4ZTVlNGY5ZmJhMpRLZIaUjAZrd2FyZ3OUfZR1Lg==', 1795261305440);
INSERT INTO dbos.workflow_input VALUES ('d3fa17d813e08382d10968e5e4f9fba2-render', 'gASVPAAAAAAAAAB9lCiMBGFyZ3OUjCBkM2ZhMTdkODEzZTA4MzgyZDEwOTY4ZTVlNGY5ZmJhMpSFlIwGa3dhcmdzlH2UdS4=', 1795261306994);
INSERT INTO dbos.workflow_input VALUES ('c92a3e015fd604e3bddae87a3350475f', 'gASVPgAAAAAAAAB9lCiMBGFyZ3OUjCBjOTJhM2UwMTVmZDYwNGUzYmRkYWU4N2EzMzUwNDc1ZpRLZIaUjAZrd2FyZ3OUfZR1Lg==', 1795261309225);
INSERT INTO dbos.workflow_input VALUES ('c92a3e015fd604e3bddae87a3350475f-render', 'gASVPAAAAAAAAAB9lCiMBGFyZ3OUjCBjOTJhM2UwMTVmZDYwNGUzYmRkYWU4N2EzMzUwNDc1ZpSFlIwGa3dhcmdzlH2UdS4=', 1795261310057);
INSERT INTO dbos.workflow_input VALUES ('db5040eec768a37353c435313c64c74a', 'gASVPgAAAAAAAAB9lCiMBGFyZ3OUjCBkYjUwNDBlZWM3NjhhMzczNTNjNDM1MzEzYzY0Yzc0YZRLZIaUjAZrd2FyZ3OUfZR1Lg==', 1795261312683);
INSERT INTO dbos.workflow_input VALUES ('68967f98157bf0deeab5a7fd3e4f02bc', 'gASVPgAAAAAAAAB9lCiMBGFyZ3OUjCA2ODk2N2Y5ODE1N2JmMGRlZWFiNWE3ZmQzZTRmMDJiY5RLZIaUjAZrd2FyZ3OUfZR1Lg==', 1795261313234);
INSERT INTO dbos.workflow_input VALUES ('db5040eec768a37353c435313c64c74a-render', 'gASVPAAAAAAAAAB9lCiMBGFyZ3OUjCBkYjUwNDBlZWM3NjhhMzczNTNjNDM1MzEzYzY0Yzc0YZSFlIwGa3dhcmdzlH2UdS4=', 1795261314872);
INSERT INTO dbos.workflow_input VALUES ('68967f98157bf0deeab5a7fd3e4f02bc-render', 'gASVPAAAAAAAAAB9lCiMBGFyZ3OUjCA2ODk2N2Y5ODE1N2JmMGRlZWFiNWE3ZmQzZTRmMDJiY5SFlIwGa3dhcmdzlH2UdS4=', 1795261315721);
INSERT INTO dbos.workflow_input VALUES ('1880ce9065e85152f7e96297ac16d5ed', 'gASVPgAAAAAAAAB9lCiMBGFyZ3OUjCAxODgwY2U5MDY1ZTg1MTUyZjdlOTYyOTdhYzE2ZDVlZJRLZIaUjAZrd2FyZ3OUfZR1Lg==', 1795261316291);
INSERT INTO dbos.workflow_input VALUES ('d2925288e4cf54eeebf1fec4f45222fd', 'gASVPgAAAAAAAAB9lCiMBGFyZ3OUjCBkMjkyNTI4OGU0Y2Y1NGVlZWJmMWZlYzRmNDUyMjJmZJRLZIaUjAZrd2FyZ3OUfZR1Lg==', 1795261316795);
INSERT INTO dbos.workflow_input VALUES ('b00e5f5cd91b483ab228473e3040d88f', 'gASVPgAAAAAAAAB9lCiMBGFyZ3OUjCBiMDBlNWY1Y2Q5MWI0ODNhYjIyODQ3M2UzMDQwZDg4ZpRLZIaUjAZrd2FyZ3OUfZR1Lg==', 1795261317174);


--
-- Data for Name: workflow_output; Type: TABLE DATA; Schema: dbos; Owner: -
--

INSERT INTO dbos.workflow_output VALUES ('d3fa17d813e08382d10968e5e4f9fba2-render', 'gASILg==', NULL, 1795261309209);
INSERT INTO dbos.workflow_output VALUES ('d3fa17d813e08382d10968e5e4f9fba2', 'gASILg==', NULL, 1795261309642);


--
-- Data for Name: workflow_schedules; Type: TABLE DATA; Schema: dbos; Owner: -
--



--
-- Data for Name: workflow_status; Type: TABLE DATA; Schema: dbos; Owner: -
--

INSERT INTO dbos.workflow_status VALUES ('d3fa17d813e08382d10968e5e4f9fba2-render', 'SUCCESS', 'render', NULL, NULL, NULL, NULL, NULL, NULL, 'old-host/old-boot/22648/3723382/64c9f951', 1795261306994, 1795261309209, '1', '', NULL, NULL, 1, 'render', NULL, NULL, NULL, 1795261307196, NULL, 100, NULL, NULL, NULL, 'd3fa17d813e08382d10968e5e4f9fba2', 'py_pickle', NULL, false, false, 1795261309209, 'null', NULL, NULL, false, 'lipwright', 'cf9b3232-9e69-43db-804f-bed946ad1b9e');
INSERT INTO dbos.workflow_status VALUES ('c92a3e015fd604e3bddae87a3350475f', 'PENDING', 'job', NULL, NULL, NULL, NULL, NULL, NULL, 'old-host/old-boot/22648/3723382/64c9f951', 1795261309225, 1795261309472, '1', NULL, NULL, NULL, 1, 'admit-3', NULL, NULL, NULL, 1795261309472, NULL, 100, '9af975ac31b3698843e1707174942e96', NULL, 'ad6964d7-143e-4c57-8531-6a7fa0c322b3', NULL, 'py_pickle', NULL, false, false, NULL, 'null', NULL, NULL, false, 'lipwright', 'dfc5c2bf-7925-4224-a6d7-9f11fd206938');
INSERT INTO dbos.workflow_status VALUES ('d3fa17d813e08382d10968e5e4f9fba2', 'SUCCESS', 'job', NULL, NULL, NULL, NULL, NULL, NULL, 'old-host/old-boot/22648/3723382/64c9f951', 1795261305440, 1795261309642, '1', NULL, NULL, NULL, 1, 'admit-3', NULL, NULL, NULL, 1795261306387, NULL, 100, '9af975ac31b3698843e1707174942e96', NULL, NULL, NULL, 'py_pickle', NULL, false, false, 1795261309642, 'null', NULL, NULL, false, 'lipwright', 'b4d871c9-8eb5-4d0c-b1a4-fdd2f29fa443');
INSERT INTO dbos.workflow_status VALUES ('c92a3e015fd604e3bddae87a3350475f-render', 'PENDING', 'render', NULL, NULL, NULL, NULL, NULL, NULL, 'old-host/old-boot/22648/3723382/64c9f951', 1795261310057, 1795261310319, '1', '', NULL, NULL, 1, 'render', NULL, NULL, NULL, 1795261310319, NULL, 100, NULL, NULL, '4413000e-0357-4090-b896-854d526e23c2', 'c92a3e015fd604e3bddae87a3350475f', 'py_pickle', NULL, false, false, NULL, 'null', NULL, NULL, false, 'lipwright', '137de7c3-e033-4f79-b54e-c0f5bbb39549');
INSERT INTO dbos.workflow_status VALUES ('db5040eec768a37353c435313c64c74a', 'PENDING', 'job', NULL, NULL, NULL, NULL, NULL, NULL, 'old-host/old-boot/22648/3723382/64c9f951', 1795261312683, 1795261313472, '1', NULL, NULL, NULL, 1, 'admit-3', NULL, NULL, NULL, 1795261313472, NULL, 100, '9af975ac31b3698843e1707174942e96', NULL, '4179b021-07ce-460a-b7d8-18f3e95a8b98', NULL, 'py_pickle', NULL, false, false, NULL, 'null', NULL, NULL, false, 'lipwright', '058b889d-edcf-416e-ba23-27e3727cc40d');
INSERT INTO dbos.workflow_status VALUES ('68967f98157bf0deeab5a7fd3e4f02bc', 'PENDING', 'job', NULL, NULL, NULL, NULL, NULL, NULL, 'old-host/old-boot/22648/3723382/64c9f951', 1795261313234, 1795261314435, '1', NULL, NULL, NULL, 1, 'admit-3', NULL, NULL, NULL, 1795261314435, NULL, 100, '9af975ac31b3698843e1707174942e96', NULL, 'c43de639-f582-48a5-bd94-511808829e71', NULL, 'py_pickle', NULL, false, false, NULL, 'null', NULL, NULL, false, 'lipwright', '6273bb49-cd7f-4c2a-b7aa-7c250193fe4d');
INSERT INTO dbos.workflow_status VALUES ('db5040eec768a37353c435313c64c74a-render', 'ENQUEUED', 'render', NULL, NULL, NULL, NULL, NULL, NULL, 'old-host/old-boot/22648/3723382/64c9f951', 1795261314872, 1795261314872, '1', '', NULL, NULL, 0, 'render', NULL, NULL, NULL, NULL, NULL, 100, NULL, NULL, NULL, 'db5040eec768a37353c435313c64c74a', 'py_pickle', NULL, false, false, NULL, 'null', NULL, NULL, false, 'lipwright', 'a9138d73-a946-4927-94f4-714fa9260136');
INSERT INTO dbos.workflow_status VALUES ('68967f98157bf0deeab5a7fd3e4f02bc-render', 'ENQUEUED', 'render', NULL, NULL, NULL, NULL, NULL, NULL, 'old-host/old-boot/22648/3723382/64c9f951', 1795261315721, 1795261315721, '1', '', NULL, NULL, 0, 'render', NULL, NULL, NULL, NULL, NULL, 100, NULL, NULL, NULL, '68967f98157bf0deeab5a7fd3e4f02bc', 'py_pickle', NULL, false, false, NULL, 'null', NULL, NULL, false, 'lipwright', 'c0ffa392-1d9d-4cb5-bdbf-7f4406c4b441');
INSERT INTO dbos.workflow_status VALUES ('1880ce9065e85152f7e96297ac16d5ed', 'ENQUEUED', 'job', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1795261316291, 1795261316291, '1', NULL, NULL, NULL, 0, 'admit-3', NULL, NULL, NULL, NULL, NULL, 100, '9af975ac31b3698843e1707174942e96', NULL, NULL, NULL, 'py_pickle', NULL, false, false, NULL, 'null', NULL, NULL, false, 'lipwright', '5949f9da-d900-4b34-9636-1db0ca2f314f');
INSERT INTO dbos.workflow_status VALUES ('d2925288e4cf54eeebf1fec4f45222fd', 'ENQUEUED', 'job', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1795261316795, 1795261316795, '1', NULL, NULL, NULL, 0, 'admit-3', NULL, NULL, NULL, NULL, NULL, 100, '9af975ac31b3698843e1707174942e96', NULL, NULL, NULL, 'py_pickle', NULL, false, false, NULL, 'null', NULL, NULL, false, 'lipwright', '87f23f0f-a191-4476-a3ca-efee30c3c17e');
INSERT INTO dbos.workflow_status VALUES ('b00e5f5cd91b483ab228473e3040d88f', 'ENQUEUED', 'job', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1795261317174, 1795261317174, '1', NULL, NULL, NULL, 0, 'admit-3', NULL, NULL, NULL, NULL, NULL, 100, '9af975ac31b3698843e1707174942e96', NULL, NULL, NULL, 'py_pickle', NULL, false, false, NULL, 'null', NULL, NULL, false, 'lipwright', '1e317e13-4b01-4ce7-b9ba-b63b691def03');


--
-- Data for Name: account; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.account VALUES ('9af975ac31b3698843e1707174942e96', 'alice', 'bronze', false, true, 3, 600, 100, 'e30315b8a5c7a79287f0e03b8120fca0e5ae2d655cea02facbe24649144a783c', 'whsec_im2ddahH36uCmRHRJBIJ4u71c4B0/lrG', 1795261285571861, NULL);


--
-- Data for Name: alembic_version; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.alembic_version VALUES ('0004');


--
-- Data for Name: batch; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: batch_item; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: beat; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.beat VALUES ('old-host/old-boot/22648/3723382/64c9f951', 1795261316286455, 'prepare,cpu', 'old-host/old-boot');


--
-- Data for Name: duty; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.duty VALUES ('end the stranded', 1795261332175059);
INSERT INTO public.duty VALUES ('sweep', 1795261845303502);
INSERT INTO public.duty VALUES ('hand over', 1795261317595108);
INSERT INTO public.duty VALUES ('find the lost', 1795261346894562);


--
-- Data for Name: idempotency; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.idempotency VALUES ('9af975ac31b3698843e1707174942e96', 'once', 'd29752db24e44b5e44a788e0f87bce5d1fa0622369363800cc5a819dc45fc2c7', 'd3fa17d813e08382d10968e5e4f9fba2', 1795261305441527);


--
-- Data for Name: job; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.job VALUES ('d2925288e4cf54eeebf1fec4f45222fd', 7989510032855398, '9af975ac31b3698843e1707174942e96', 'wavespeed', 'pixverse/lipsync', '{"face": "wavespeed", "model": "pixverse/lipsync", "video": "media:2b7d9e03f4c2369687ff209038e7a4de", "audio": "media:3a67af6998bbe2908c9d98708710b8d6", "text": null, "voice": null, "language": null, "options": {}, "webhook_url": "http://127.0.0.1:9/hook", "raw": {}}', '{"video": "2b7d9e03f4c2369687ff209038e7a4de", "audio": "3a67af6998bbe2908c9d98708710b8d6"}', 'queued', 'queued', 0, 0, 1795261316916794, NULL, NULL, NULL, '[]', NULL, NULL, '[]', 150000, '{}');
INSERT INTO public.job VALUES ('d3fa17d813e08382d10968e5e4f9fba2', 4246190704197615, '9af975ac31b3698843e1707174942e96', 'wavespeed', 'pixverse/lipsync', '{"face": "wavespeed", "model": "pixverse/lipsync", "video": "media:2b7d9e03f4c2369687ff209038e7a4de", "audio": "media:3a67af6998bbe2908c9d98708710b8d6", "text": null, "voice": null, "language": null, "options": {}, "webhook_url": "http://127.0.0.1:9/hook", "raw": {}}', '{"video": "2b7d9e03f4c2369687ff209038e7a4de", "audio": "3a67af6998bbe2908c9d98708710b8d6"}', 'succeeded', 'succeeded', 1, 1, 1795261305639257, 1795261306703997, 1795261308954115, NULL, '["84596eb44679dda0e16f4cdc1f092e27"]', NULL, NULL, '[]', 150000, '{"duration_s": 1.0, "width_px": 480, "height_px": 480, "engine": "stand-in"}');
INSERT INTO public.job VALUES ('db5040eec768a37353c435313c64c74a', 271236950270618, '9af975ac31b3698843e1707174942e96', 'wavespeed', 'pixverse/lipsync', '{"face": "wavespeed", "model": "pixverse/lipsync", "video": "media:2b7d9e03f4c2369687ff209038e7a4de", "audio": "media:3a67af6998bbe2908c9d98708710b8d6", "text": null, "voice": null, "language": null, "options": {}, "webhook_url": "http://127.0.0.1:9/hook", "raw": {}}', '{"video": "2b7d9e03f4c2369687ff209038e7a4de", "audio": "3a67af6998bbe2908c9d98708710b8d6"}', 'running', 'fetch', 0, 0, 1795261312858041, 1795261314122265, NULL, NULL, '[]', NULL, NULL, '[]', 150000, '{}');
INSERT INTO public.job VALUES ('68967f98157bf0deeab5a7fd3e4f02bc', 8336861187094769, '9af975ac31b3698843e1707174942e96', 'wavespeed', 'pixverse/lipsync', '{"face": "wavespeed", "model": "pixverse/lipsync", "video": "media:2b7d9e03f4c2369687ff209038e7a4de", "audio": "media:3a67af6998bbe2908c9d98708710b8d6", "text": null, "voice": null, "language": null, "options": {}, "webhook_url": "http://127.0.0.1:9/hook", "raw": {}}', '{"video": "2b7d9e03f4c2369687ff209038e7a4de", "audio": "3a67af6998bbe2908c9d98708710b8d6"}', 'running', 'fetch', 0, 0, 1795261313366487, 1795261315074263, NULL, NULL, '[]', NULL, NULL, '[]', 150000, '{}');
INSERT INTO public.job VALUES ('b00e5f5cd91b483ab228473e3040d88f', 287292148458294, '9af975ac31b3698843e1707174942e96', 'wavespeed', 'pixverse/lipsync', '{"face": "wavespeed", "model": "pixverse/lipsync", "video": "media:2b7d9e03f4c2369687ff209038e7a4de", "audio": "media:3a67af6998bbe2908c9d98708710b8d6", "text": null, "voice": null, "language": null, "options": {}, "webhook_url": "http://127.0.0.1:9/hook", "raw": {}}', '{"video": "2b7d9e03f4c2369687ff209038e7a4de", "audio": "3a67af6998bbe2908c9d98708710b8d6"}', 'cancelled', 'cancelled', 0, 0, 1795261317201515, NULL, 1795261317598447, NULL, '[]', 'cancelled', 'Stopped on request; nothing was written.', '[]', 0, '{}');
INSERT INTO public.job VALUES ('1880ce9065e85152f7e96297ac16d5ed', 708981337172564, '9af975ac31b3698843e1707174942e96', 'wavespeed', 'pixverse/lipsync', '{"face": "wavespeed", "model": "pixverse/lipsync", "video": "media:2b7d9e03f4c2369687ff209038e7a4de", "audio": "media:3a67af6998bbe2908c9d98708710b8d6", "text": null, "voice": null, "language": null, "options": {}, "webhook_url": "http://127.0.0.1:9/hook", "raw": {}}', '{"video": "2b7d9e03f4c2369687ff209038e7a4de", "audio": "3a67af6998bbe2908c9d98708710b8d6"}', 'queued', 'queued', 0, 0, 1795261316409578, NULL, NULL, NULL, '[]', NULL, NULL, '[]', 150000, '{}');
INSERT INTO public.job VALUES ('c92a3e015fd604e3bddae87a3350475f', 8410251492280451, '9af975ac31b3698843e1707174942e96', 'wavespeed', 'pixverse/lipsync', '{"face": "wavespeed", "model": "pixverse/lipsync", "video": "media:2b7d9e03f4c2369687ff209038e7a4de", "audio": "media:3a67af6998bbe2908c9d98708710b8d6", "text": null, "voice": null, "language": null, "options": {}, "webhook_url": "http://127.0.0.1:9/hook", "raw": {}}', '{"video": "2b7d9e03f4c2369687ff209038e7a4de", "audio": "3a67af6998bbe2908c9d98708710b8d6"}', 'running', 'render', 0.5048, 1, 1795261309249356, 1795261309744000, NULL, NULL, '[]', NULL, NULL, '[]', 150000, '{}');


--
-- Data for Name: ledger; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.ledger VALUES (1, '9af975ac31b3698843e1707174942e96', NULL, 'grant', 10000000, '', 1795261285643643);
INSERT INTO public.ledger VALUES (2, '9af975ac31b3698843e1707174942e96', 'd3fa17d813e08382d10968e5e4f9fba2', 'hold', -150000, '', 1795261305729341);
INSERT INTO public.ledger VALUES (3, '9af975ac31b3698843e1707174942e96', 'd3fa17d813e08382d10968e5e4f9fba2', 'release', 150000, '', 1795261309002472);
INSERT INTO public.ledger VALUES (4, '9af975ac31b3698843e1707174942e96', 'd3fa17d813e08382d10968e5e4f9fba2', 'charge', -150000, '', 1795261309016234);
INSERT INTO public.ledger VALUES (5, '9af975ac31b3698843e1707174942e96', 'c92a3e015fd604e3bddae87a3350475f', 'hold', -150000, '', 1795261309285674);
INSERT INTO public.ledger VALUES (6, '9af975ac31b3698843e1707174942e96', 'db5040eec768a37353c435313c64c74a', 'hold', -150000, '', 1795261312908076);
INSERT INTO public.ledger VALUES (7, '9af975ac31b3698843e1707174942e96', '68967f98157bf0deeab5a7fd3e4f02bc', 'hold', -150000, '', 1795261313409490);
INSERT INTO public.ledger VALUES (8, '9af975ac31b3698843e1707174942e96', '1880ce9065e85152f7e96297ac16d5ed', 'hold', -150000, '', 1795261316457065);
INSERT INTO public.ledger VALUES (9, '9af975ac31b3698843e1707174942e96', 'd2925288e4cf54eeebf1fec4f45222fd', 'hold', -150000, '', 1795261316943321);
INSERT INTO public.ledger VALUES (10, '9af975ac31b3698843e1707174942e96', 'b00e5f5cd91b483ab228473e3040d88f', 'hold', -150000, '', 1795261317314442);
INSERT INTO public.ledger VALUES (11, '9af975ac31b3698843e1707174942e96', 'b00e5f5cd91b483ab228473e3040d88f', 'release', 150000, '', 1795261317698014);


--
-- Data for Name: media; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.media VALUES ('84596eb44679dda0e16f4cdc1f092e27', 6772899693432440, '9af975ac31b3698843e1707174942e96', 'result', 'd3fa17d813e08382d10968e5e4f9fba2', 'video', 'd3fa17d813e08382d10968e5e4f9fba2.mp4', 'video/mp4', 1891, 'f4b0f80168524a2e62aecf36b5274bca481a5db44d5935afb3b4d83bcdec013d', 1, 480, 480, 1795261308934427, 5395261309106732);
INSERT INTO public.media VALUES ('2b7d9e03f4c2369687ff209038e7a4de', 4844136248893943, '9af975ac31b3698843e1707174942e96', 'upload', NULL, 'video', 'footage.mp4', 'video/mp4', 1891, 'f4b0f80168524a2e62aecf36b5274bca481a5db44d5935afb3b4d83bcdec013d', 1, 32, 32, 1795261290247384, 5395261317355794);
INSERT INTO public.media VALUES ('3a67af6998bbe2908c9d98708710b8d6', 2936722894574301, '9af975ac31b3698843e1707174942e96', 'upload', NULL, 'audio', 'speech.flac', 'audio/flac', 8442, '60e019b37854fab906724b2cf95299e9d2bc3db65e13ef4ff533eb95eea6eb55', 1, NULL, NULL, 1795261295241303, 5395261317355794);


--
-- Data for Name: outbox; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.outbox VALUES ('d3fa17d813e08382d10968e5e', 'd3fa17d813e08382d10968e5e4f9fba2', '9af975ac31b3698843e1707174942e96', 'wavespeed', 'http://127.0.0.1:9/hook', 'waiting', 2, 1795261309057119, 1795261322183423, NULL, 'http://127.0.0.1:9/hook could not be fetched: it cannot be reached. Check that it opens without signing in.');
INSERT INTO public.outbox VALUES ('b00e5f5cd91b483ab228473e3', 'b00e5f5cd91b483ab228473e3040d88f', '9af975ac31b3698843e1707174942e96', 'wavespeed', 'http://127.0.0.1:9/hook', 'waiting', 1, 1795261317755332, 1795261320291747, NULL, 'http://127.0.0.1:9/hook could not be fetched: it cannot be reached. Check that it opens without signing in.');


--
-- Data for Name: pass; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: ticket; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Name: ledger_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.ledger_id_seq', 11, true);


--
-- Name: application_versions application_versions_pkey; Type: CONSTRAINT; Schema: dbos; Owner: -
--

ALTER TABLE ONLY dbos.application_versions
    ADD CONSTRAINT application_versions_pkey PRIMARY KEY (version_id);


--
-- Name: application_versions application_versions_version_name_key; Type: CONSTRAINT; Schema: dbos; Owner: -
--

ALTER TABLE ONLY dbos.application_versions
    ADD CONSTRAINT application_versions_version_name_key UNIQUE (version_name);


--
-- Name: dbos_migrations dbos_migrations_pkey; Type: CONSTRAINT; Schema: dbos; Owner: -
--

ALTER TABLE ONLY dbos.dbos_migrations
    ADD CONSTRAINT dbos_migrations_pkey PRIMARY KEY (version);


--
-- Name: event_dispatch_kv event_dispatch_kv_pkey; Type: CONSTRAINT; Schema: dbos; Owner: -
--

ALTER TABLE ONLY dbos.event_dispatch_kv
    ADD CONSTRAINT event_dispatch_kv_pkey PRIMARY KEY (service_name, workflow_fn_name, key);


--
-- Name: notifications notifications_pkey; Type: CONSTRAINT; Schema: dbos; Owner: -
--

ALTER TABLE ONLY dbos.notifications
    ADD CONSTRAINT notifications_pkey PRIMARY KEY (message_uuid);


--
-- Name: operation_outputs operation_outputs_pkey; Type: CONSTRAINT; Schema: dbos; Owner: -
--

ALTER TABLE ONLY dbos.operation_outputs
    ADD CONSTRAINT operation_outputs_pkey PRIMARY KEY (workflow_uuid, function_id);


--
-- Name: queues queues_name_key; Type: CONSTRAINT; Schema: dbos; Owner: -
--

ALTER TABLE ONLY dbos.queues
    ADD CONSTRAINT queues_name_key UNIQUE (name);


--
-- Name: queues queues_pkey; Type: CONSTRAINT; Schema: dbos; Owner: -
--

ALTER TABLE ONLY dbos.queues
    ADD CONSTRAINT queues_pkey PRIMARY KEY (queue_id);


--
-- Name: streams streams_pkey; Type: CONSTRAINT; Schema: dbos; Owner: -
--

ALTER TABLE ONLY dbos.streams
    ADD CONSTRAINT streams_pkey PRIMARY KEY (workflow_uuid, key, "offset");


--
-- Name: workflow_events_history workflow_events_history_pkey; Type: CONSTRAINT; Schema: dbos; Owner: -
--

ALTER TABLE ONLY dbos.workflow_events_history
    ADD CONSTRAINT workflow_events_history_pkey PRIMARY KEY (workflow_uuid, function_id, key);


--
-- Name: workflow_events workflow_events_pkey; Type: CONSTRAINT; Schema: dbos; Owner: -
--

ALTER TABLE ONLY dbos.workflow_events
    ADD CONSTRAINT workflow_events_pkey PRIMARY KEY (workflow_uuid, key);


--
-- Name: workflow_input workflow_input_pkey; Type: CONSTRAINT; Schema: dbos; Owner: -
--

ALTER TABLE ONLY dbos.workflow_input
    ADD CONSTRAINT workflow_input_pkey PRIMARY KEY (workflow_uuid);


--
-- Name: workflow_output workflow_output_pkey; Type: CONSTRAINT; Schema: dbos; Owner: -
--

ALTER TABLE ONLY dbos.workflow_output
    ADD CONSTRAINT workflow_output_pkey PRIMARY KEY (workflow_uuid);


--
-- Name: workflow_schedules workflow_schedules_pkey; Type: CONSTRAINT; Schema: dbos; Owner: -
--

ALTER TABLE ONLY dbos.workflow_schedules
    ADD CONSTRAINT workflow_schedules_pkey PRIMARY KEY (schedule_id);


--
-- Name: workflow_schedules workflow_schedules_schedule_name_key; Type: CONSTRAINT; Schema: dbos; Owner: -
--

ALTER TABLE ONLY dbos.workflow_schedules
    ADD CONSTRAINT workflow_schedules_schedule_name_key UNIQUE (schedule_name);


--
-- Name: workflow_status workflow_status_pkey; Type: CONSTRAINT; Schema: dbos; Owner: -
--

ALTER TABLE ONLY dbos.workflow_status
    ADD CONSTRAINT workflow_status_pkey PRIMARY KEY (workflow_uuid);


--
-- Name: alembic_version alembic_version_pkc; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);


--
-- Name: account pk_account; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.account
    ADD CONSTRAINT pk_account PRIMARY KEY (id);


--
-- Name: batch pk_batch; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.batch
    ADD CONSTRAINT pk_batch PRIMARY KEY (id);


--
-- Name: batch_item pk_batch_item; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.batch_item
    ADD CONSTRAINT pk_batch_item PRIMARY KEY (batch_id, "position");


--
-- Name: beat pk_beat; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.beat
    ADD CONSTRAINT pk_beat PRIMARY KEY (worker_id);


--
-- Name: duty pk_duty; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.duty
    ADD CONSTRAINT pk_duty PRIMARY KEY (name);


--
-- Name: idempotency pk_idempotency; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.idempotency
    ADD CONSTRAINT pk_idempotency PRIMARY KEY (account_id, key);


--
-- Name: job pk_job; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.job
    ADD CONSTRAINT pk_job PRIMARY KEY (id);


--
-- Name: ledger pk_ledger; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.ledger
    ADD CONSTRAINT pk_ledger PRIMARY KEY (id);


--
-- Name: media pk_media; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.media
    ADD CONSTRAINT pk_media PRIMARY KEY (id);


--
-- Name: outbox pk_outbox; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT pk_outbox PRIMARY KEY (id);


--
-- Name: pass pk_pass; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.pass
    ADD CONSTRAINT pk_pass PRIMARY KEY (sha256);


--
-- Name: ticket pk_ticket; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.ticket
    ADD CONSTRAINT pk_ticket PRIMARY KEY (id);


--
-- Name: account uq_account_key_sha256; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.account
    ADD CONSTRAINT uq_account_key_sha256 UNIQUE (key_sha256);


--
-- Name: account uq_account_name; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.account
    ADD CONSTRAINT uq_account_name UNIQUE (name);


--
-- Name: batch uq_batch_account_id_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.batch
    ADD CONSTRAINT uq_batch_account_id_key UNIQUE (account_id, key);


--
-- Name: job uq_job_number; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.job
    ADD CONSTRAINT uq_job_number UNIQUE (number);


--
-- Name: ledger uq_ledger_job_id_kind; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.ledger
    ADD CONSTRAINT uq_ledger_job_id_kind UNIQUE (job_id, kind);


--
-- Name: media uq_media_number; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.media
    ADD CONSTRAINT uq_media_number UNIQUE (number);


--
-- Name: outbox uq_outbox_job_id; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT uq_outbox_job_id UNIQUE (job_id);


--
-- Name: idx_operation_outputs_completed_at_function_name_v2; Type: INDEX; Schema: dbos; Owner: -
--

CREATE INDEX idx_operation_outputs_completed_at_function_name_v2 ON dbos.operation_outputs USING btree (completed_at_epoch_ms, function_name) INCLUDE (application_name);


--
-- Name: idx_operation_outputs_retention; Type: INDEX; Schema: dbos; Owner: -
--

CREATE INDEX idx_operation_outputs_retention ON dbos.operation_outputs USING btree (retention_timestamp);


--
-- Name: idx_workflow_input_retention; Type: INDEX; Schema: dbos; Owner: -
--

CREATE INDEX idx_workflow_input_retention ON dbos.workflow_input USING btree (retention_timestamp);


--
-- Name: idx_workflow_output_retention; Type: INDEX; Schema: dbos; Owner: -
--

CREATE INDEX idx_workflow_output_retention ON dbos.workflow_output USING btree (retention_timestamp);


--
-- Name: idx_workflow_status_attributes; Type: INDEX; Schema: dbos; Owner: -
--

CREATE INDEX idx_workflow_status_attributes ON dbos.workflow_status USING gin (attributes) WHERE (attributes IS NOT NULL);


--
-- Name: idx_workflow_status_completed_at; Type: INDEX; Schema: dbos; Owner: -
--

CREATE INDEX idx_workflow_status_completed_at ON dbos.workflow_status USING btree (completed_at) WHERE (completed_at IS NOT NULL);


--
-- Name: idx_workflow_status_deadline; Type: INDEX; Schema: dbos; Owner: -
--

CREATE INDEX idx_workflow_status_deadline ON dbos.workflow_status USING btree (workflow_deadline_epoch_ms) WHERE ((status = ANY (ARRAY['ENQUEUED'::text, 'PENDING'::text, 'DELAYED'::text])) AND (workflow_deadline_epoch_ms IS NOT NULL));


--
-- Name: idx_workflow_status_delayed; Type: INDEX; Schema: dbos; Owner: -
--

CREATE INDEX idx_workflow_status_delayed ON dbos.workflow_status USING btree (delay_until_epoch_ms) WHERE (status = 'DELAYED'::text);


--
-- Name: idx_workflow_status_failed; Type: INDEX; Schema: dbos; Owner: -
--

CREATE INDEX idx_workflow_status_failed ON dbos.workflow_status USING btree (status, created_at) WHERE (status = ANY (ARRAY['ERROR'::text, 'CANCELLED'::text, 'MAX_RECOVERY_ATTEMPTS_EXCEEDED'::text]));


--
-- Name: idx_workflow_status_forked_from; Type: INDEX; Schema: dbos; Owner: -
--

CREATE INDEX idx_workflow_status_forked_from ON dbos.workflow_status USING btree (forked_from) WHERE (forked_from IS NOT NULL);


--
-- Name: idx_workflow_status_in_flight_v2; Type: INDEX; Schema: dbos; Owner: -
--

CREATE INDEX idx_workflow_status_in_flight_v2 ON dbos.workflow_status USING btree (queue_name, status, priority, created_at) INCLUDE (application_name) WHERE (status = ANY (ARRAY['ENQUEUED'::text, 'PENDING'::text]));


--
-- Name: idx_workflow_status_parent_workflow_id; Type: INDEX; Schema: dbos; Owner: -
--

CREATE INDEX idx_workflow_status_parent_workflow_id ON dbos.workflow_status USING btree (parent_workflow_id) WHERE (parent_workflow_id IS NOT NULL);


--
-- Name: idx_workflow_status_partition_dequeue_v3; Type: INDEX; Schema: dbos; Owner: -
--

CREATE INDEX idx_workflow_status_partition_dequeue_v3 ON dbos.workflow_status USING btree (queue_name, status, queue_partition_key, priority, created_at, workflow_uuid) INCLUDE (application_name) WHERE ((status = ANY (ARRAY['ENQUEUED'::text, 'PENDING'::text])) AND (queue_partition_key IS NOT NULL));


--
-- Name: idx_workflow_status_pending; Type: INDEX; Schema: dbos; Owner: -
--

CREATE INDEX idx_workflow_status_pending ON dbos.workflow_status USING btree (created_at) WHERE (status = 'PENDING'::text);


--
-- Name: idx_workflow_status_rate_limited; Type: INDEX; Schema: dbos; Owner: -
--

CREATE INDEX idx_workflow_status_rate_limited ON dbos.workflow_status USING btree (queue_name, started_at_epoch_ms) WHERE (rate_limited = true);


--
-- Name: idx_workflow_status_schedule_name; Type: INDEX; Schema: dbos; Owner: -
--

CREATE INDEX idx_workflow_status_schedule_name ON dbos.workflow_status USING btree (schedule_name) WHERE (schedule_name IS NOT NULL);


--
-- Name: idx_workflow_status_started_at; Type: INDEX; Schema: dbos; Owner: -
--

CREATE INDEX idx_workflow_status_started_at ON dbos.workflow_status USING btree (started_at_epoch_ms) WHERE (started_at_epoch_ms IS NOT NULL);


--
-- Name: idx_workflow_topic; Type: INDEX; Schema: dbos; Owner: -
--

CREATE INDEX idx_workflow_topic ON dbos.notifications USING btree (destination_uuid, topic);


--
-- Name: uq_application_versions_owner_version; Type: INDEX; Schema: dbos; Owner: -
--

CREATE UNIQUE INDEX uq_application_versions_owner_version ON dbos.application_versions USING btree (application_name, version_name) WHERE (application_name IS NOT NULL);


--
-- Name: uq_application_versions_unclaimed_version; Type: INDEX; Schema: dbos; Owner: -
--

CREATE UNIQUE INDEX uq_application_versions_unclaimed_version ON dbos.application_versions USING btree (version_name) WHERE (application_name IS NULL);


--
-- Name: uq_workflow_status_dedup_id; Type: INDEX; Schema: dbos; Owner: -
--

CREATE UNIQUE INDEX uq_workflow_status_dedup_id ON dbos.workflow_status USING btree (queue_name, deduplication_id) WHERE (deduplication_id IS NOT NULL);


--
-- Name: workflow_status_created_at_index; Type: INDEX; Schema: dbos; Owner: -
--

CREATE INDEX workflow_status_created_at_index ON dbos.workflow_status USING btree (created_at);


--
-- Name: ix_beat_machine; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_beat_machine ON public.beat USING btree (machine);


--
-- Name: ix_idempotency_claimed_at; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_idempotency_claimed_at ON public.idempotency USING btree (claimed_at);


--
-- Name: ix_job_account_id_created_at; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_job_account_id_created_at ON public.job USING btree (account_id, created_at);


--
-- Name: ix_job_state_created_at; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_job_state_created_at ON public.job USING btree (state, created_at);


--
-- Name: ix_ledger_account_id_amount_microusd; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_ledger_account_id_amount_microusd ON public.ledger USING btree (account_id, amount_microusd);


--
-- Name: ix_media_account_id; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_media_account_id ON public.media USING btree (account_id);


--
-- Name: ix_media_expires_at; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_media_expires_at ON public.media USING btree (expires_at);


--
-- Name: ix_media_job_id; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_media_job_id ON public.media USING btree (job_id);


--
-- Name: ix_outbox_state_next_at; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_outbox_state_next_at ON public.outbox USING btree (state, next_at);


--
-- Name: ix_pass_expires_at; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_pass_expires_at ON public.pass USING btree (expires_at);


--
-- Name: ix_pass_job_id; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_pass_job_id ON public.pass USING btree (job_id);


--
-- Name: ix_ticket_expires_at; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_ticket_expires_at ON public.ticket USING btree (expires_at);


--
-- Name: notifications dbos_notifications_trigger; Type: TRIGGER; Schema: dbos; Owner: -
--

CREATE TRIGGER dbos_notifications_trigger AFTER INSERT ON dbos.notifications FOR EACH ROW EXECUTE FUNCTION dbos.notifications_function();


--
-- Name: notifications notifications_destination_uuid_fkey; Type: FK CONSTRAINT; Schema: dbos; Owner: -
--

ALTER TABLE ONLY dbos.notifications
    ADD CONSTRAINT notifications_destination_uuid_fkey FOREIGN KEY (destination_uuid) REFERENCES dbos.workflow_status(workflow_uuid) ON UPDATE CASCADE ON DELETE CASCADE;


--
-- Name: streams streams_workflow_uuid_fkey; Type: FK CONSTRAINT; Schema: dbos; Owner: -
--

ALTER TABLE ONLY dbos.streams
    ADD CONSTRAINT streams_workflow_uuid_fkey FOREIGN KEY (workflow_uuid) REFERENCES dbos.workflow_status(workflow_uuid) ON UPDATE CASCADE ON DELETE CASCADE;


--
-- Name: workflow_events_history workflow_events_history_workflow_uuid_fkey; Type: FK CONSTRAINT; Schema: dbos; Owner: -
--

ALTER TABLE ONLY dbos.workflow_events_history
    ADD CONSTRAINT workflow_events_history_workflow_uuid_fkey FOREIGN KEY (workflow_uuid) REFERENCES dbos.workflow_status(workflow_uuid) ON UPDATE CASCADE ON DELETE CASCADE;


--
-- Name: workflow_events workflow_events_workflow_uuid_fkey; Type: FK CONSTRAINT; Schema: dbos; Owner: -
--

ALTER TABLE ONLY dbos.workflow_events
    ADD CONSTRAINT workflow_events_workflow_uuid_fkey FOREIGN KEY (workflow_uuid) REFERENCES dbos.workflow_status(workflow_uuid) ON UPDATE CASCADE ON DELETE CASCADE;


--
-- Name: batch fk_batch_account_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.batch
    ADD CONSTRAINT fk_batch_account_id FOREIGN KEY (account_id) REFERENCES public.account(id);


--
-- Name: batch_item fk_batch_item_batch_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.batch_item
    ADD CONSTRAINT fk_batch_item_batch_id FOREIGN KEY (batch_id) REFERENCES public.batch(id);


--
-- Name: idempotency fk_idempotency_account_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.idempotency
    ADD CONSTRAINT fk_idempotency_account_id FOREIGN KEY (account_id) REFERENCES public.account(id);


--
-- Name: job fk_job_account_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.job
    ADD CONSTRAINT fk_job_account_id FOREIGN KEY (account_id) REFERENCES public.account(id);


--
-- Name: ledger fk_ledger_account_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.ledger
    ADD CONSTRAINT fk_ledger_account_id FOREIGN KEY (account_id) REFERENCES public.account(id);


--
-- Name: media fk_media_account_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.media
    ADD CONSTRAINT fk_media_account_id FOREIGN KEY (account_id) REFERENCES public.account(id);


--
-- Name: outbox fk_outbox_account_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT fk_outbox_account_id FOREIGN KEY (account_id) REFERENCES public.account(id);


--
-- Name: outbox fk_outbox_job_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT fk_outbox_job_id FOREIGN KEY (job_id) REFERENCES public.job(id);


--
-- Name: pass fk_pass_account_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.pass
    ADD CONSTRAINT fk_pass_account_id FOREIGN KEY (account_id) REFERENCES public.account(id);


--
-- Name: ticket fk_ticket_account_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.ticket
    ADD CONSTRAINT fk_ticket_account_id FOREIGN KEY (account_id) REFERENCES public.account(id);


--
-- PostgreSQL database dump complete
--


