BEGIN TRANSACTION;
CREATE TABLE account (
	id VARCHAR(32) NOT NULL, 
	name VARCHAR(200) NOT NULL, 
	level VARCHAR(40) NOT NULL, 
	is_admin BOOLEAN NOT NULL, 
	has_credit_limit BOOLEAN NOT NULL, 
	max_running INTEGER NOT NULL, 
	max_requests_per_min INTEGER NOT NULL, 
	priority INTEGER NOT NULL, 
	key_sha256 VARCHAR(64) NOT NULL, 
	webhook_secret VARCHAR(100) NOT NULL, 
	created_at BIGINT NOT NULL, 
	revoked_at BIGINT, 
	CONSTRAINT pk_account PRIMARY KEY (id), 
	CONSTRAINT uq_account_key_sha256 UNIQUE (key_sha256), 
	CONSTRAINT uq_account_name UNIQUE (name)
);
INSERT INTO "account" VALUES('29a70f9ba075022a6f9c038d11517ec9','alice','bronze',0,1,3,600,100,'52fa460caa6cdaf5f8a41d6fdb342882460a6ebc226cb619b42c83d54825cd4d','whsec_JeXzA9V0VIgWODnRKv+Q8Tkn6ub2LKwF',1795260588754170,NULL);
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE application_versions (
    version_id TEXT NOT NULL PRIMARY KEY,
    version_name TEXT NOT NULL UNIQUE,
    version_timestamp INTEGER NOT NULL DEFAULT (strftime('%s','now') * 1000),
    created_at INTEGER NOT NULL DEFAULT (strftime('%s','now') * 1000)
, "application_name" TEXT DEFAULT NULL);
INSERT INTO "application_versions" VALUES('fb43e74c-9a0b-492f-8271-b82a1e8d5ff2','1',1795260595000,1795260595000,'lipwright');
CREATE TABLE beat (
	worker_id VARCHAR(200) NOT NULL, 
	beaten_at BIGINT NOT NULL, 
	CONSTRAINT pk_beat PRIMARY KEY (worker_id)
);
INSERT INTO "beat" VALUES('old-host/old-boot/15390/3655335/4c25d75e',1795260604258641);
CREATE TABLE dbos_migrations (version INTEGER NOT NULL PRIMARY KEY);
INSERT INTO "dbos_migrations" VALUES(125);
CREATE TABLE idempotency (
	account_id VARCHAR(32) NOT NULL, 
	"key" VARCHAR(255) NOT NULL, 
	fingerprint VARCHAR(64) NOT NULL, 
	job_id VARCHAR(32), 
	claimed_at BIGINT NOT NULL, 
	CONSTRAINT pk_idempotency PRIMARY KEY (account_id, "key"), 
	CONSTRAINT fk_idempotency_account_id FOREIGN KEY(account_id) REFERENCES account (id)
);
INSERT INTO "idempotency" VALUES('29a70f9ba075022a6f9c038d11517ec9','once','27600e103e6e5847ca69f5ee54005d69e31b92983a5ed76911cb953c61a9b32d','12e014438c76259514cde5ddb9982cab',1795260596083599);
CREATE TABLE job (
	id VARCHAR(32) NOT NULL, 
	number BIGINT NOT NULL, 
	account_id VARCHAR(32) NOT NULL, 
	face VARCHAR(20) NOT NULL, 
	model VARCHAR(200) NOT NULL, 
	request JSON NOT NULL, 
	inputs JSON NOT NULL, 
	state VARCHAR(10) NOT NULL, 
	phase VARCHAR(10) NOT NULL, 
	progress FLOAT NOT NULL, 
	n_attempts INTEGER NOT NULL, 
	created_at BIGINT NOT NULL, 
	started_at BIGINT, 
	finished_at BIGINT, 
	deleted_at BIGINT, 
	outputs JSON NOT NULL, 
	error_code VARCHAR(40), 
	error_message TEXT, 
	has_nsfw JSON NOT NULL, 
	price_microusd BIGINT NOT NULL, 
	report JSON NOT NULL, 
	CONSTRAINT pk_job PRIMARY KEY (id), 
	CONSTRAINT fk_job_account_id FOREIGN KEY(account_id) REFERENCES account (id), 
	CONSTRAINT uq_job_number UNIQUE (number)
);
INSERT INTO "job" VALUES('12e014438c76259514cde5ddb9982cab',6982971098415186,'29a70f9ba075022a6f9c038d11517ec9','wavespeed','pixverse/lipsync','{"face": "wavespeed", "model": "pixverse/lipsync", "video": "media:56c31e5342766b08683ccb4264509d37", "audio": "media:1280a4a480cce712aeb49f8dd0ba8a45", "text": null, "voice": null, "language": null, "options": {}, "webhook_url": "http://127.0.0.1:9/hook", "raw": {}}','{"video": "56c31e5342766b08683ccb4264509d37", "audio": "1280a4a480cce712aeb49f8dd0ba8a45"}','succeeded','succeeded',1.0,1,1795260596116232,1795260597509329,1795260599375600,NULL,'["b8bf1bb44303af68fa3dfcae73c7954e"]',NULL,NULL,'[]',150000,'{"duration_s": 1.0, "width_px": 480, "height_px": 480, "engine": "stand-in"}');
INSERT INTO "job" VALUES('f23f03ed1ffb3e56e2c0891346b96850',5707269379043917,'29a70f9ba075022a6f9c038d11517ec9','wavespeed','pixverse/lipsync','{"face": "wavespeed", "model": "pixverse/lipsync", "video": "media:56c31e5342766b08683ccb4264509d37", "audio": "media:1280a4a480cce712aeb49f8dd0ba8a45", "text": null, "voice": null, "language": null, "options": {}, "webhook_url": "http://127.0.0.1:9/hook", "raw": {}}','{"video": "56c31e5342766b08683ccb4264509d37", "audio": "1280a4a480cce712aeb49f8dd0ba8a45"}','running','render',0.5023,1,1795260599560387,1795260599884031,NULL,NULL,'[]',NULL,NULL,'[]',150000,'{}');
INSERT INTO "job" VALUES('91367bfe132538750565bcca632efe64',7771230118145704,'29a70f9ba075022a6f9c038d11517ec9','wavespeed','pixverse/lipsync','{"face": "wavespeed", "model": "pixverse/lipsync", "video": "media:56c31e5342766b08683ccb4264509d37", "audio": "media:1280a4a480cce712aeb49f8dd0ba8a45", "text": null, "voice": null, "language": null, "options": {}, "webhook_url": "http://127.0.0.1:9/hook", "raw": {}}','{"video": "56c31e5342766b08683ccb4264509d37", "audio": "1280a4a480cce712aeb49f8dd0ba8a45"}','running','fetch',0.0,0,1795260601393651,1795260601571547,NULL,NULL,'[]',NULL,NULL,'[]',150000,'{}');
INSERT INTO "job" VALUES('b84353572c39c496b177fc02db124c3d',610496811608708,'29a70f9ba075022a6f9c038d11517ec9','wavespeed','pixverse/lipsync','{"face": "wavespeed", "model": "pixverse/lipsync", "video": "media:56c31e5342766b08683ccb4264509d37", "audio": "media:1280a4a480cce712aeb49f8dd0ba8a45", "text": null, "voice": null, "language": null, "options": {}, "webhook_url": "http://127.0.0.1:9/hook", "raw": {}}','{"video": "56c31e5342766b08683ccb4264509d37", "audio": "1280a4a480cce712aeb49f8dd0ba8a45"}','running','fetch',0.0,0,1795260601484420,1795260601946461,NULL,NULL,'[]',NULL,NULL,'[]',150000,'{}');
INSERT INTO "job" VALUES('44f249f27e8ff913fed4de2b4fbd3e3b',2305429917593810,'29a70f9ba075022a6f9c038d11517ec9','wavespeed','pixverse/lipsync','{"face": "wavespeed", "model": "pixverse/lipsync", "video": "media:56c31e5342766b08683ccb4264509d37", "audio": "media:1280a4a480cce712aeb49f8dd0ba8a45", "text": null, "voice": null, "language": null, "options": {}, "webhook_url": "http://127.0.0.1:9/hook", "raw": {}}','{"video": "56c31e5342766b08683ccb4264509d37", "audio": "1280a4a480cce712aeb49f8dd0ba8a45"}','queued','queued',0.0,0,1795260603267885,NULL,NULL,NULL,'[]',NULL,NULL,'[]',150000,'{}');
INSERT INTO "job" VALUES('6d4e0bae8f40c1fbc7623c644adbf2a2',7084053901828218,'29a70f9ba075022a6f9c038d11517ec9','wavespeed','pixverse/lipsync','{"face": "wavespeed", "model": "pixverse/lipsync", "video": "media:56c31e5342766b08683ccb4264509d37", "audio": "media:1280a4a480cce712aeb49f8dd0ba8a45", "text": null, "voice": null, "language": null, "options": {}, "webhook_url": "http://127.0.0.1:9/hook", "raw": {}}','{"video": "56c31e5342766b08683ccb4264509d37", "audio": "1280a4a480cce712aeb49f8dd0ba8a45"}','queued','queued',0.0,0,1795260603392263,NULL,NULL,NULL,'[]',NULL,NULL,'[]',150000,'{}');
INSERT INTO "job" VALUES('b161eb7148d10e2187024fef71a6a8ea',1681997203035353,'29a70f9ba075022a6f9c038d11517ec9','wavespeed','pixverse/lipsync','{"face": "wavespeed", "model": "pixverse/lipsync", "video": "media:56c31e5342766b08683ccb4264509d37", "audio": "media:1280a4a480cce712aeb49f8dd0ba8a45", "text": null, "voice": null, "language": null, "options": {}, "webhook_url": "http://127.0.0.1:9/hook", "raw": {}}','{"video": "56c31e5342766b08683ccb4264509d37", "audio": "1280a4a480cce712aeb49f8dd0ba8a45"}','cancelled','cancelled',0.0,0,1795260603593132,NULL,1795260603706797,NULL,'[]','cancelled','Stopped on request; nothing was written.','[]',0,'{}');
CREATE TABLE ledger (
	id INTEGER NOT NULL, 
	account_id VARCHAR(32) NOT NULL, 
	job_id VARCHAR(32), 
	kind VARCHAR(10) NOT NULL, 
	amount_microusd BIGINT NOT NULL, 
	note TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	CONSTRAINT pk_ledger PRIMARY KEY (id), 
	CONSTRAINT fk_ledger_account_id FOREIGN KEY(account_id) REFERENCES account (id), 
	CONSTRAINT uq_ledger_job_id_kind UNIQUE (job_id, kind)
);
INSERT INTO "ledger" VALUES(1,'29a70f9ba075022a6f9c038d11517ec9',NULL,'grant',10000000,'',1795260588756692);
INSERT INTO "ledger" VALUES(2,'29a70f9ba075022a6f9c038d11517ec9','12e014438c76259514cde5ddb9982cab','hold',-150000,'',1795260596123873);
INSERT INTO "ledger" VALUES(3,'29a70f9ba075022a6f9c038d11517ec9','12e014438c76259514cde5ddb9982cab','release',150000,'',1795260599393679);
INSERT INTO "ledger" VALUES(4,'29a70f9ba075022a6f9c038d11517ec9','12e014438c76259514cde5ddb9982cab','charge',-150000,'',1795260599394180);
INSERT INTO "ledger" VALUES(5,'29a70f9ba075022a6f9c038d11517ec9','f23f03ed1ffb3e56e2c0891346b96850','hold',-150000,'',1795260599580938);
INSERT INTO "ledger" VALUES(6,'29a70f9ba075022a6f9c038d11517ec9','91367bfe132538750565bcca632efe64','hold',-150000,'',1795260601399585);
INSERT INTO "ledger" VALUES(7,'29a70f9ba075022a6f9c038d11517ec9','b84353572c39c496b177fc02db124c3d','hold',-150000,'',1795260601485098);
INSERT INTO "ledger" VALUES(8,'29a70f9ba075022a6f9c038d11517ec9','44f249f27e8ff913fed4de2b4fbd3e3b','hold',-150000,'',1795260603268714);
INSERT INTO "ledger" VALUES(9,'29a70f9ba075022a6f9c038d11517ec9','6d4e0bae8f40c1fbc7623c644adbf2a2','hold',-150000,'',1795260603392877);
INSERT INTO "ledger" VALUES(10,'29a70f9ba075022a6f9c038d11517ec9','b161eb7148d10e2187024fef71a6a8ea','hold',-150000,'',1795260603601120);
INSERT INTO "ledger" VALUES(11,'29a70f9ba075022a6f9c038d11517ec9','b161eb7148d10e2187024fef71a6a8ea','release',150000,'',1795260603751123);
CREATE TABLE media (
	id VARCHAR(32) NOT NULL, 
	number BIGINT NOT NULL, 
	account_id VARCHAR(32) NOT NULL, 
	purpose VARCHAR(10) NOT NULL, 
	job_id VARCHAR(32), 
	kind VARCHAR(10) NOT NULL, 
	filename VARCHAR(255) NOT NULL, 
	content_type VARCHAR(100) NOT NULL, 
	n_bytes BIGINT NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	duration_s FLOAT, 
	width_px INTEGER, 
	height_px INTEGER, 
	created_at BIGINT NOT NULL, 
	expires_at BIGINT NOT NULL, 
	CONSTRAINT pk_media PRIMARY KEY (id), 
	CONSTRAINT fk_media_account_id FOREIGN KEY(account_id) REFERENCES account (id), 
	CONSTRAINT uq_media_number UNIQUE (number)
);
INSERT INTO "media" VALUES('56c31e5342766b08683ccb4264509d37',6564508218706525,'29a70f9ba075022a6f9c038d11517ec9','upload',NULL,'video','footage.mp4','video/mp4',1891,'f4b0f80168524a2e62aecf36b5274bca481a5db44d5935afb3b4d83bcdec013d',1.0,32,32,1795260591146290,5395260603646176);
INSERT INTO "media" VALUES('1280a4a480cce712aeb49f8dd0ba8a45',5536123665760004,'29a70f9ba075022a6f9c038d11517ec9','upload',NULL,'audio','speech.flac','audio/flac',8442,'60e019b37854fab906724b2cf95299e9d2bc3db65e13ef4ff533eb95eea6eb55',1.0,NULL,NULL,1795260593923378,5395260603646176);
INSERT INTO "media" VALUES('b8bf1bb44303af68fa3dfcae73c7954e',741594921738158,'29a70f9ba075022a6f9c038d11517ec9','result','12e014438c76259514cde5ddb9982cab','video','12e014438c76259514cde5ddb9982cab.mp4','video/mp4',1891,'f4b0f80168524a2e62aecf36b5274bca481a5db44d5935afb3b4d83bcdec013d',1.0,480,480,1795260599368894,5395260599399363);
CREATE TABLE notifications (
    message_uuid TEXT NOT NULL DEFAULT (hex(randomblob(16))) PRIMARY KEY,
    destination_uuid TEXT NOT NULL,
    topic TEXT,
    message TEXT NOT NULL,
    created_at_epoch_ms INTEGER NOT NULL DEFAULT (strftime('%s','now') * 1000), "serialization" TEXT DEFAULT NULL, "consumed" BOOLEAN NOT NULL DEFAULT FALSE, consumed_by_function_id INTEGER,
    FOREIGN KEY (destination_uuid) REFERENCES workflow_status(workflow_uuid) 
        ON UPDATE CASCADE ON DELETE CASCADE
);
CREATE TABLE "operation_outputs" (
    workflow_uuid TEXT NOT NULL,
    function_id INTEGER NOT NULL,
    function_name TEXT NOT NULL DEFAULT '',
    output TEXT,
    error TEXT,
    child_workflow_id TEXT,
    started_at_epoch_ms INTEGER,
    completed_at_epoch_ms INTEGER,
    serialization TEXT,
    application_name TEXT DEFAULT NULL,
    retention_timestamp INTEGER NOT NULL DEFAULT (strftime('%s','now') * 1000),
    PRIMARY KEY (workflow_uuid, function_id)
);
INSERT INTO "operation_outputs" VALUES('12e014438c76259514cde5ddb9982cab',1,'prepare','gASILg==',NULL,NULL,1795260597485,1795260597608,'py_pickle','lipwright',1795260597000);
INSERT INTO "operation_outputs" VALUES('12e014438c76259514cde5ddb9982cab',2,'render',NULL,NULL,'12e014438c76259514cde5ddb9982cab-render',1795260597682,1795260597765,NULL,'lipwright',1795260597000);
INSERT INTO "operation_outputs" VALUES('12e014438c76259514cde5ddb9982cab-render',1,'render_step','gASILg==',NULL,NULL,1795260598160,1795260599411,'py_pickle','lipwright',1795260599000);
INSERT INTO "operation_outputs" VALUES('12e014438c76259514cde5ddb9982cab',3,'DBOS.getResult','gASILg==',NULL,'12e014438c76259514cde5ddb9982cab-render',1795260597820,1795260599579,'py_pickle','lipwright',1795260599000);
INSERT INTO "operation_outputs" VALUES('f23f03ed1ffb3e56e2c0891346b96850',1,'prepare','gASILg==',NULL,NULL,1795260599882,1795260599926,'py_pickle','lipwright',1795260599000);
INSERT INTO "operation_outputs" VALUES('f23f03ed1ffb3e56e2c0891346b96850',2,'render',NULL,NULL,'f23f03ed1ffb3e56e2c0891346b96850-render',1795260599938,1795260599955,NULL,'lipwright',1795260599000);
INSERT INTO "operation_outputs" VALUES('91367bfe132538750565bcca632efe64',1,'prepare','gASILg==',NULL,NULL,1795260601550,1795260601613,'py_pickle','lipwright',1795260601000);
INSERT INTO "operation_outputs" VALUES('91367bfe132538750565bcca632efe64',2,'render',NULL,NULL,'91367bfe132538750565bcca632efe64-render',1795260601635,1795260601641,NULL,'lipwright',1795260601000);
INSERT INTO "operation_outputs" VALUES('b84353572c39c496b177fc02db124c3d',1,'prepare','gASILg==',NULL,NULL,1795260601910,1795260602113,'py_pickle','lipwright',1795260602000);
INSERT INTO "operation_outputs" VALUES('b84353572c39c496b177fc02db124c3d',2,'render',NULL,NULL,'b84353572c39c496b177fc02db124c3d-render',1795260602200,1795260602213,NULL,'lipwright',1795260602000);
CREATE TABLE outbox (
	id VARCHAR(32) NOT NULL, 
	job_id VARCHAR(32) NOT NULL, 
	account_id VARCHAR(32) NOT NULL, 
	face VARCHAR(20) NOT NULL, 
	url TEXT NOT NULL, 
	state VARCHAR(10) NOT NULL, 
	n_attempts INTEGER NOT NULL, 
	created_at BIGINT NOT NULL, 
	next_at BIGINT NOT NULL, 
	delivered_at BIGINT, 
	last_error TEXT NOT NULL, 
	CONSTRAINT pk_outbox PRIMARY KEY (id), 
	CONSTRAINT fk_outbox_account_id FOREIGN KEY(account_id) REFERENCES account (id), 
	CONSTRAINT fk_outbox_job_id FOREIGN KEY(job_id) REFERENCES job (id), 
	CONSTRAINT uq_outbox_job_id UNIQUE (job_id)
);
INSERT INTO "outbox" VALUES('12e014438c76259514cde5ddb','12e014438c76259514cde5ddb9982cab','29a70f9ba075022a6f9c038d11517ec9','wavespeed','http://127.0.0.1:9/hook','waiting',2,1795260599397963,1795260611779118,NULL,'http://127.0.0.1:9/hook could not be fetched: it cannot be reached. Check that it opens without signing in.');
INSERT INTO "outbox" VALUES('b161eb7148d10e2187024fef7','b161eb7148d10e2187024fef71a6a8ea','29a70f9ba075022a6f9c038d11517ec9','wavespeed','http://127.0.0.1:9/hook','waiting',1,1795260603752858,1795260605951744,NULL,'http://127.0.0.1:9/hook could not be fetched: it cannot be reached. Check that it opens without signing in.');
CREATE TABLE queues (
    queue_id TEXT PRIMARY KEY DEFAULT (hex(randomblob(16))),
    name TEXT NOT NULL UNIQUE,
    concurrency INTEGER,
    worker_concurrency INTEGER,
    rate_limit_max INTEGER,
    rate_limit_period_sec REAL,
    priority_enabled BOOLEAN NOT NULL DEFAULT FALSE,
    partition_queue BOOLEAN NOT NULL DEFAULT FALSE,
    polling_interval_sec REAL NOT NULL DEFAULT 1.0,
    created_at INTEGER NOT NULL DEFAULT (strftime('%s','now') * 1000),
    updated_at INTEGER NOT NULL DEFAULT (strftime('%s','now') * 1000)
, "application_name" TEXT DEFAULT NULL, "partition_concurrency" INTEGER DEFAULT NULL, "partition_worker_concurrency" INTEGER DEFAULT NULL, "partition_rate_limit_max" INTEGER DEFAULT NULL, "partition_rate_limit_period_sec" REAL DEFAULT NULL);
INSERT INTO "queues" VALUES('2CF4EB093F094792671F887DCC02D31F','render',NULL,1,NULL,NULL,1,0,0.2,1795260595000,1795260595873,'lipwright',NULL,NULL,NULL,NULL);
INSERT INTO "queues" VALUES('FD24F404391936267DAAFFFCD48D06E0','admit-3',NULL,NULL,NULL,NULL,1,1,0.2,1795260596000,1795260596023,'lipwright',3,NULL,NULL,NULL);
CREATE TABLE streams (
    workflow_uuid TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    "offset" INTEGER NOT NULL, function_id INTEGER NOT NULL DEFAULT 0, "serialization" TEXT DEFAULT NULL,
    PRIMARY KEY (workflow_uuid, key, "offset"),
    FOREIGN KEY (workflow_uuid) REFERENCES workflow_status(workflow_uuid) 
        ON UPDATE CASCADE ON DELETE CASCADE
);
CREATE TABLE ticket (
	id VARCHAR(43) NOT NULL, 
	account_id VARCHAR(32) NOT NULL, 
	media_id VARCHAR(32) NOT NULL, 
	media_number BIGINT NOT NULL, 
	filename VARCHAR(255) NOT NULL, 
	content_type VARCHAR(100) NOT NULL, 
	n_bytes BIGINT, 
	expires_at BIGINT NOT NULL, 
	CONSTRAINT pk_ticket PRIMARY KEY (id), 
	CONSTRAINT fk_ticket_account_id FOREIGN KEY(account_id) REFERENCES account (id)
);
CREATE TABLE workflow_events (
    workflow_uuid TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL, "serialization" TEXT DEFAULT NULL,
    PRIMARY KEY (workflow_uuid, key),
    FOREIGN KEY (workflow_uuid) REFERENCES workflow_status(workflow_uuid) 
        ON UPDATE CASCADE ON DELETE CASCADE
);
CREATE TABLE workflow_events_history (
    workflow_uuid TEXT NOT NULL,
    function_id INTEGER NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL, "serialization" TEXT DEFAULT NULL,
    PRIMARY KEY (workflow_uuid, function_id, key),
    FOREIGN KEY (workflow_uuid) REFERENCES workflow_status(workflow_uuid)
        ON UPDATE CASCADE ON DELETE CASCADE
);
CREATE TABLE workflow_input (
    workflow_uuid TEXT NOT NULL PRIMARY KEY,
    inputs TEXT,
    retention_timestamp INTEGER NOT NULL DEFAULT (strftime('%s','now') * 1000)
);
INSERT INTO "workflow_input" VALUES('12e014438c76259514cde5ddb9982cab','gASVPgAAAAAAAAB9lCiMBGFyZ3OUjCAxMmUwMTQ0MzhjNzYyNTk1MTRjZGU1ZGRiOTk4MmNhYpRLZIaUjAZrd2FyZ3OUfZR1Lg==',1795260596000);
INSERT INTO "workflow_input" VALUES('12e014438c76259514cde5ddb9982cab-render','gASVPAAAAAAAAAB9lCiMBGFyZ3OUjCAxMmUwMTQ0MzhjNzYyNTk1MTRjZGU1ZGRiOTk4MmNhYpSFlIwGa3dhcmdzlH2UdS4=',1795260597000);
INSERT INTO "workflow_input" VALUES('f23f03ed1ffb3e56e2c0891346b96850','gASVPgAAAAAAAAB9lCiMBGFyZ3OUjCBmMjNmMDNlZDFmZmIzZTU2ZTJjMDg5MTM0NmI5Njg1MJRLZIaUjAZrd2FyZ3OUfZR1Lg==',1795260599000);
INSERT INTO "workflow_input" VALUES('f23f03ed1ffb3e56e2c0891346b96850-render','gASVPAAAAAAAAAB9lCiMBGFyZ3OUjCBmMjNmMDNlZDFmZmIzZTU2ZTJjMDg5MTM0NmI5Njg1MJSFlIwGa3dhcmdzlH2UdS4=',1795260599000);
INSERT INTO "workflow_input" VALUES('91367bfe132538750565bcca632efe64','gASVPgAAAAAAAAB9lCiMBGFyZ3OUjCA5MTM2N2JmZTEzMjUzODc1MDU2NWJjY2E2MzJlZmU2NJRLZIaUjAZrd2FyZ3OUfZR1Lg==',1795260601000);
INSERT INTO "workflow_input" VALUES('b84353572c39c496b177fc02db124c3d','gASVPgAAAAAAAAB9lCiMBGFyZ3OUjCBiODQzNTM1NzJjMzljNDk2YjE3N2ZjMDJkYjEyNGMzZJRLZIaUjAZrd2FyZ3OUfZR1Lg==',1795260601000);
INSERT INTO "workflow_input" VALUES('91367bfe132538750565bcca632efe64-render','gASVPAAAAAAAAAB9lCiMBGFyZ3OUjCA5MTM2N2JmZTEzMjUzODc1MDU2NWJjY2E2MzJlZmU2NJSFlIwGa3dhcmdzlH2UdS4=',1795260601000);
INSERT INTO "workflow_input" VALUES('b84353572c39c496b177fc02db124c3d-render','gASVPAAAAAAAAAB9lCiMBGFyZ3OUjCBiODQzNTM1NzJjMzljNDk2YjE3N2ZjMDJkYjEyNGMzZJSFlIwGa3dhcmdzlH2UdS4=',1795260602000);
INSERT INTO "workflow_input" VALUES('44f249f27e8ff913fed4de2b4fbd3e3b','gASVPgAAAAAAAAB9lCiMBGFyZ3OUjCA0NGYyNDlmMjdlOGZmOTEzZmVkNGRlMmI0ZmJkM2UzYpRLZIaUjAZrd2FyZ3OUfZR1Lg==',1795260603000);
INSERT INTO "workflow_input" VALUES('6d4e0bae8f40c1fbc7623c644adbf2a2','gASVPgAAAAAAAAB9lCiMBGFyZ3OUjCA2ZDRlMGJhZThmNDBjMWZiYzc2MjNjNjQ0YWRiZjJhMpRLZIaUjAZrd2FyZ3OUfZR1Lg==',1795260603000);
INSERT INTO "workflow_input" VALUES('b161eb7148d10e2187024fef71a6a8ea','gASVPgAAAAAAAAB9lCiMBGFyZ3OUjCBiMTYxZWI3MTQ4ZDEwZTIxODcwMjRmZWY3MWE2YThlYZRLZIaUjAZrd2FyZ3OUfZR1Lg==',1795260603000);
CREATE TABLE workflow_output (
    workflow_uuid TEXT NOT NULL PRIMARY KEY,
    output TEXT,
    error TEXT,
    retention_timestamp INTEGER NOT NULL DEFAULT (strftime('%s','now') * 1000)
);
INSERT INTO "workflow_output" VALUES('12e014438c76259514cde5ddb9982cab-render','gASILg==',NULL,1795260599000);
INSERT INTO "workflow_output" VALUES('12e014438c76259514cde5ddb9982cab','gASILg==',NULL,1795260599000);
CREATE TABLE workflow_schedules (
    schedule_id TEXT PRIMARY KEY,
    schedule_name TEXT NOT NULL UNIQUE,
    workflow_name TEXT NOT NULL,
    workflow_class_name TEXT,
    schedule TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'ACTIVE',
    context TEXT NOT NULL
, "last_fired_at" TEXT DEFAULT NULL, "automatic_backfill" BOOLEAN NOT NULL DEFAULT FALSE, "cron_timezone" TEXT DEFAULT NULL, "queue_name" TEXT DEFAULT NULL, "application_name" TEXT DEFAULT NULL);
CREATE TABLE workflow_status (
    workflow_uuid TEXT PRIMARY KEY,
    status TEXT,
    name TEXT,
    authenticated_user TEXT,
    assumed_role TEXT,
    authenticated_roles TEXT,
    request TEXT,
    output TEXT,
    error TEXT,
    executor_id TEXT,
    created_at INTEGER NOT NULL DEFAULT (strftime('%s','now') * 1000),
    updated_at INTEGER NOT NULL DEFAULT (strftime('%s','now') * 1000),
    application_version TEXT,
    application_id TEXT,
    class_name TEXT DEFAULT NULL,
    config_name TEXT DEFAULT NULL,
    recovery_attempts INTEGER DEFAULT 0,
    queue_name TEXT,
    workflow_timeout_ms INTEGER,
    workflow_deadline_epoch_ms INTEGER,
    inputs TEXT,
    started_at_epoch_ms INTEGER,
    deduplication_id TEXT,
    priority INTEGER NOT NULL DEFAULT 0
, queue_partition_key TEXT, forked_from TEXT, "owner_xid" TEXT DEFAULT NULL, "parent_workflow_id" TEXT DEFAULT NULL, "serialization" TEXT DEFAULT NULL, "delay_until_epoch_ms" BIGINT DEFAULT NULL, "was_forked_from" BOOLEAN NOT NULL DEFAULT FALSE, "rate_limited" BOOLEAN NOT NULL DEFAULT FALSE, "completed_at" BIGINT, "attributes" TEXT, "schedule_name" TEXT, "debounce_deadline_epoch_ms" BIGINT DEFAULT NULL, "is_debounced" BOOLEAN NOT NULL DEFAULT FALSE, "application_name" TEXT DEFAULT NULL, "creator_xid" TEXT DEFAULT NULL);
INSERT INTO "workflow_status" VALUES('12e014438c76259514cde5ddb9982cab','SUCCESS','job',NULL,NULL,NULL,NULL,NULL,NULL,'old-host/old-boot/15390/3655335/4c25d75e',1795260596000,1795260599000,'1',NULL,NULL,NULL,1,'admit-3',NULL,NULL,NULL,1795260597000,NULL,100,'29a70f9ba075022a6f9c038d11517ec9',NULL,NULL,NULL,'py_pickle',NULL,0,0,1795260599000,'null',NULL,NULL,0,'lipwright','6488648f-a947-4542-91dc-e7dd831e13b1');
INSERT INTO "workflow_status" VALUES('12e014438c76259514cde5ddb9982cab-render','SUCCESS','render',NULL,NULL,NULL,NULL,NULL,NULL,'old-host/old-boot/15390/3655335/4c25d75e',1795260597000,1795260599000,'1','',NULL,NULL,1,'render',NULL,NULL,NULL,1795260598000,NULL,100,NULL,NULL,NULL,'12e014438c76259514cde5ddb9982cab','py_pickle',NULL,0,0,1795260599000,'null',NULL,NULL,0,'lipwright','e897c2b3-76c1-49ee-9069-8f4af5b47d50');
INSERT INTO "workflow_status" VALUES('f23f03ed1ffb3e56e2c0891346b96850','PENDING','job',NULL,NULL,NULL,NULL,NULL,NULL,'old-host/old-boot/15390/3655335/4c25d75e',1795260599000,1795260599000,'1',NULL,NULL,NULL,1,'admit-3',NULL,NULL,NULL,1795260599000,NULL,100,'29a70f9ba075022a6f9c038d11517ec9',NULL,'5978341e-2e20-45f4-9220-7793ead51762',NULL,'py_pickle',NULL,0,0,NULL,'null',NULL,NULL,0,'lipwright','cb8a8aa8-1936-4f9e-9a59-a792fd6d19e9');
INSERT INTO "workflow_status" VALUES('f23f03ed1ffb3e56e2c0891346b96850-render','PENDING','render',NULL,NULL,NULL,NULL,NULL,NULL,'old-host/old-boot/15390/3655335/4c25d75e',1795260599000,1795260600000,'1','',NULL,NULL,1,'render',NULL,NULL,NULL,1795260600000,NULL,100,NULL,NULL,'13b60566-3126-44d1-b609-77e5efb75cc9','f23f03ed1ffb3e56e2c0891346b96850','py_pickle',NULL,0,0,NULL,'null',NULL,NULL,0,'lipwright','d736cf18-b56e-4a84-8869-ed9c4a456078');
INSERT INTO "workflow_status" VALUES('91367bfe132538750565bcca632efe64','PENDING','job',NULL,NULL,NULL,NULL,NULL,NULL,'old-host/old-boot/15390/3655335/4c25d75e',1795260601000,1795260601000,'1',NULL,NULL,NULL,1,'admit-3',NULL,NULL,NULL,1795260601000,NULL,100,'29a70f9ba075022a6f9c038d11517ec9',NULL,'cdee6d13-6a95-4c8d-b636-ca5ac96c47c9',NULL,'py_pickle',NULL,0,0,NULL,'null',NULL,NULL,0,'lipwright','3eb2c0ed-18c6-4cb2-a103-b65437988f6c');
INSERT INTO "workflow_status" VALUES('b84353572c39c496b177fc02db124c3d','PENDING','job',NULL,NULL,NULL,NULL,NULL,NULL,'old-host/old-boot/15390/3655335/4c25d75e',1795260601000,1795260601000,'1',NULL,NULL,NULL,1,'admit-3',NULL,NULL,NULL,1795260601000,NULL,100,'29a70f9ba075022a6f9c038d11517ec9',NULL,'d4af7642-864b-42ac-857a-4fcb86de29e8',NULL,'py_pickle',NULL,0,0,NULL,'null',NULL,NULL,0,'lipwright','049e8a66-d87b-4f45-8aa1-666c60524cd4');
INSERT INTO "workflow_status" VALUES('91367bfe132538750565bcca632efe64-render','ENQUEUED','render',NULL,NULL,NULL,NULL,NULL,NULL,'old-host/old-boot/15390/3655335/4c25d75e',1795260601000,1795260601000,'1','',NULL,NULL,0,'render',NULL,NULL,NULL,NULL,NULL,100,NULL,NULL,NULL,'91367bfe132538750565bcca632efe64','py_pickle',NULL,0,0,NULL,'null',NULL,NULL,0,'lipwright','3e33bf47-046f-4f5d-96a4-eb1da3d05a05');
INSERT INTO "workflow_status" VALUES('b84353572c39c496b177fc02db124c3d-render','ENQUEUED','render',NULL,NULL,NULL,NULL,NULL,NULL,'old-host/old-boot/15390/3655335/4c25d75e',1795260602000,1795260602000,'1','',NULL,NULL,0,'render',NULL,NULL,NULL,NULL,NULL,100,NULL,NULL,NULL,'b84353572c39c496b177fc02db124c3d','py_pickle',NULL,0,0,NULL,'null',NULL,NULL,0,'lipwright','b003a702-a653-4dcb-8868-2e72fdd70ad7');
INSERT INTO "workflow_status" VALUES('44f249f27e8ff913fed4de2b4fbd3e3b','ENQUEUED','job',NULL,NULL,NULL,NULL,NULL,NULL,NULL,1795260603000,1795260603000,'1',NULL,NULL,NULL,0,'admit-3',NULL,NULL,NULL,NULL,NULL,100,'29a70f9ba075022a6f9c038d11517ec9',NULL,NULL,NULL,'py_pickle',NULL,0,0,NULL,'null',NULL,NULL,0,'lipwright','510fe0f1-8979-4965-9811-f046d19c355b');
INSERT INTO "workflow_status" VALUES('6d4e0bae8f40c1fbc7623c644adbf2a2','ENQUEUED','job',NULL,NULL,NULL,NULL,NULL,NULL,NULL,1795260603000,1795260603000,'1',NULL,NULL,NULL,0,'admit-3',NULL,NULL,NULL,NULL,NULL,100,'29a70f9ba075022a6f9c038d11517ec9',NULL,NULL,NULL,'py_pickle',NULL,0,0,NULL,'null',NULL,NULL,0,'lipwright','ffa751db-5d4c-48a9-9bcc-188214868f5d');
INSERT INTO "workflow_status" VALUES('b161eb7148d10e2187024fef71a6a8ea','ENQUEUED','job',NULL,NULL,NULL,NULL,NULL,NULL,NULL,1795260603000,1795260603000,'1',NULL,NULL,NULL,0,'admit-3',NULL,NULL,NULL,NULL,NULL,100,'29a70f9ba075022a6f9c038d11517ec9',NULL,NULL,NULL,'py_pickle',NULL,0,0,NULL,'null',NULL,NULL,0,'lipwright','6c963a60-47d7-4180-8932-49b1c1df2366');
CREATE INDEX ix_idempotency_claimed_at ON idempotency (claimed_at);
CREATE INDEX ix_job_account_id_created_at ON job (account_id, created_at);
CREATE INDEX ix_job_state_created_at ON job (state, created_at);
CREATE INDEX ix_ledger_account_id_amount_microusd ON ledger (account_id, amount_microusd);
CREATE INDEX ix_media_account_id ON media (account_id);
CREATE INDEX ix_media_expires_at ON media (expires_at);
CREATE INDEX ix_media_job_id ON media (job_id);
CREATE INDEX ix_ticket_expires_at ON ticket (expires_at);
CREATE INDEX ix_outbox_state_next_at ON outbox (state, next_at);
CREATE INDEX workflow_status_created_at_index ON workflow_status (created_at);
CREATE INDEX idx_workflow_topic ON notifications (destination_uuid, topic);
CREATE INDEX "idx_workflow_status_delayed" ON "workflow_status" ("delay_until_epoch_ms") WHERE status = 'DELAYED';
CREATE INDEX "idx_workflow_status_forked_from" ON "workflow_status" ("forked_from") WHERE "forked_from" IS NOT NULL;
CREATE INDEX "idx_workflow_status_parent_workflow_id" ON "workflow_status" ("parent_workflow_id") WHERE "parent_workflow_id" IS NOT NULL;
CREATE UNIQUE INDEX "uq_workflow_status_dedup_id" ON "workflow_status" ("queue_name", "deduplication_id") WHERE "deduplication_id" IS NOT NULL;
CREATE INDEX "idx_workflow_status_pending" ON "workflow_status" ("created_at") WHERE "status" = 'PENDING';
CREATE INDEX "idx_workflow_status_failed" ON "workflow_status" ("status", "created_at") WHERE "status" IN ('ERROR', 'CANCELLED', 'MAX_RECOVERY_ATTEMPTS_EXCEEDED');
CREATE INDEX "idx_workflow_status_rate_limited" ON "workflow_status" ("queue_name", "started_at_epoch_ms") WHERE "rate_limited" = TRUE;
CREATE INDEX "idx_workflow_status_completed_at" ON "workflow_status" ("completed_at") WHERE "completed_at" IS NOT NULL;
CREATE INDEX "idx_workflow_status_started_at" ON "workflow_status" ("started_at_epoch_ms") WHERE "started_at_epoch_ms" IS NOT NULL;
CREATE INDEX "idx_workflow_status_schedule_name" ON "workflow_status" ("schedule_name") WHERE "schedule_name" IS NOT NULL;
CREATE UNIQUE INDEX "uq_application_versions_owner_version"
    ON application_versions ("application_name", "version_name")
    WHERE "application_name" IS NOT NULL;
CREATE UNIQUE INDEX "uq_application_versions_unclaimed_version"
    ON application_versions ("version_name")
    WHERE "application_name" IS NULL;
CREATE INDEX idx_workflow_input_retention
    ON workflow_input (retention_timestamp);
CREATE INDEX idx_workflow_output_retention
    ON workflow_output (retention_timestamp);
CREATE INDEX idx_operation_outputs_retention
    ON operation_outputs (retention_timestamp);
CREATE INDEX "idx_workflow_status_in_flight_v2" ON "workflow_status" ("queue_name", "status", "priority", "created_at", "application_name") WHERE "status" IN ('ENQUEUED', 'PENDING');
CREATE INDEX "idx_workflow_status_partition_dequeue_v3" ON "workflow_status" ("queue_name", "status", "queue_partition_key", "priority", "created_at", "workflow_uuid", "application_name") WHERE "status" IN ('ENQUEUED', 'PENDING') AND "queue_partition_key" IS NOT NULL;
CREATE INDEX "idx_operation_outputs_completed_at_function_name_v2" ON "operation_outputs" ("completed_at_epoch_ms", "function_name", "application_name");
CREATE INDEX "idx_workflow_status_deadline" ON "workflow_status" ("workflow_deadline_epoch_ms") WHERE "status" IN ('ENQUEUED', 'PENDING', 'DELAYED') AND "workflow_deadline_epoch_ms" IS NOT NULL;
CREATE INDEX "idx_application_versions_timestamp" ON "application_versions" ("version_timestamp" DESC);
CREATE INDEX "idx_application_versions_owner_timestamp" ON "application_versions" ("application_name", "version_timestamp" DESC);
COMMIT;
