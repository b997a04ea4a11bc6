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
INSERT INTO "account" VALUES('397cbb55f1a8f74775a98f8521481da7','alice','bronze',0,1,3,600,100,'3dbb8119819525c8e9271ba67636d47d088ab0a560a760348ae54dc20c7bb518','whsec_qoaoKndR03mCB3uGFDRKuP3UHk+ibxja',1795261204452761,NULL);
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
INSERT INTO "application_versions" VALUES('f9a4a27e-c7c2-41be-89b7-e19b4c182b26','1',1795261221000,1795261221000,'lipwright');
CREATE TABLE beat (
	worker_id VARCHAR(200) NOT NULL, 
	beaten_at BIGINT NOT NULL, 
	CONSTRAINT pk_beat PRIMARY KEY (worker_id)
);
INSERT INTO "beat" VALUES('old-host/old-boot/22117/3717723/8358fa34',1795261237560959);
CREATE TABLE dbos_migrations (version INTEGER NOT NULL PRIMARY KEY);
INSERT INTO "dbos_migrations" VALUES(123);
CREATE TABLE idempotency (
	account_id VARCHAR(32) NOT NULL, 
	"key" VARCHAR(255) NOT NULL, 
	fingerprint VARCHAR(64) NOT NULL, 
	job_id VARCHAR(32), 
	claimed_at BIGINT NOT NULL, 
	CONSTRAINT pk_idempotency PRIMARY KEY (account_id, "key"), 
	CONSTRAINT fk_idempotency_account_id FOREIGN KEY(account_id) REFERENCES account (id)
);
INSERT INTO "idempotency" VALUES('397cbb55f1a8f74775a98f8521481da7','once','9dfc1bc2321a9e95a9ffe9fa32da4eecd17c91aa1f7f3e5cbee1dec1d23766ae','d4eeea9c918810387760e2c5683ab6ef',1795261222744483);
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
INSERT INTO "job" VALUES('d4eeea9c918810387760e2c5683ab6ef',4364934812659345,'397cbb55f1a8f74775a98f8521481da7','wavespeed','pixverse/lipsync','{"face": "wavespeed", "model": "pixverse/lipsync", "video": "media:dc82501d33580bdf3a395f7337804623", "audio": "media:c21cfea8f57583a244ef3fd91d4cfa6c", "text": null, "voice": null, "language": null, "options": {}, "webhook_url": "http://127.0.0.1:9/hook", "raw": {}}','{"video": "dc82501d33580bdf3a395f7337804623", "audio": "c21cfea8f57583a244ef3fd91d4cfa6c"}','succeeded','succeeded',1.0,1,1795261222903603,1795261225112279,1795261230131599,NULL,'["f945b77578a93114f3556b89bf81787a"]',NULL,NULL,'[]',150000,'{"duration_s": 1.0, "width_px": 480, "height_px": 480, "engine": "stand-in"}');
INSERT INTO "job" VALUES('8e9d05ae9025f4b344e4fa37398e8ea5',5464907090160738,'397cbb55f1a8f74775a98f8521481da7','wavespeed','pixverse/lipsync','{"face": "wavespeed", "model": "pixverse/lipsync", "video": "media:dc82501d33580bdf3a395f7337804623", "audio": "media:c21cfea8f57583a244ef3fd91d4cfa6c", "text": null, "voice": null, "language": null, "options": {}, "webhook_url": "http://127.0.0.1:9/hook", "raw": {}}','{"video": "dc82501d33580bdf3a395f7337804623", "audio": "c21cfea8f57583a244ef3fd91d4cfa6c"}','running','render',0.5024,1,1795261231401844,1795261231945421,NULL,NULL,'[]',NULL,NULL,'[]',150000,'{}');
INSERT INTO "job" VALUES('e6b66298c5eca8bbcf8c65c44a888573',6545113796822839,'397cbb55f1a8f74775a98f8521481da7','wavespeed','pixverse/lipsync','{"face": "wavespeed", "model": "pixverse/lipsync", "video": "media:dc82501d33580bdf3a395f7337804623", "audio": "media:c21cfea8f57583a244ef3fd91d4cfa6c", "text": null, "voice": null, "language": null, "options": {}, "webhook_url": "http://127.0.0.1:9/hook", "raw": {}}','{"video": "dc82501d33580bdf3a395f7337804623", "audio": "c21cfea8f57583a244ef3fd91d4cfa6c"}','running','fetch',0.0,0,1795261234370692,1795261234937991,NULL,NULL,'[]',NULL,NULL,'[]',150000,'{}');
INSERT INTO "job" VALUES('b71b852261507e797fdcf5ef076c558f',7093195615240718,'397cbb55f1a8f74775a98f8521481da7','wavespeed','pixverse/lipsync','{"face": "wavespeed", "model": "pixverse/lipsync", "video": "media:dc82501d33580bdf3a395f7337804623", "audio": "media:c21cfea8f57583a244ef3fd91d4cfa6c", "text": null, "voice": null, "language": null, "options": {}, "webhook_url": "http://127.0.0.1:9/hook", "raw": {}}','{"video": "dc82501d33580bdf3a395f7337804623", "audio": "c21cfea8f57583a244ef3fd91d4cfa6c"}','running','fetch',0.0,0,1795261234598679,1795261234787743,NULL,NULL,'[]',NULL,NULL,'[]',150000,'{}');
INSERT INTO "job" VALUES('4dad96c99dfe5d430401818326b99510',8653087624925325,'397cbb55f1a8f74775a98f8521481da7','wavespeed','pixverse/lipsync','{"face": "wavespeed", "model": "pixverse/lipsync", "video": "media:dc82501d33580bdf3a395f7337804623", "audio": "media:c21cfea8f57583a244ef3fd91d4cfa6c", "text": null, "voice": null, "language": null, "options": {}, "webhook_url": "http://127.0.0.1:9/hook", "raw": {}}','{"video": "dc82501d33580bdf3a395f7337804623", "audio": "c21cfea8f57583a244ef3fd91d4cfa6c"}','queued','queued',0.0,0,1795261236262329,NULL,NULL,NULL,'[]',NULL,NULL,'[]',150000,'{}');
INSERT INTO "job" VALUES('efa6288efbe44ab4a2a9dfbc7d7f698c',6212849893959643,'397cbb55f1a8f74775a98f8521481da7','wavespeed','pixverse/lipsync','{"face": "wavespeed", "model": "pixverse/lipsync", "video": "media:dc82501d33580bdf3a395f7337804623", "audio": "media:c21cfea8f57583a244ef3fd91d4cfa6c", "text": null, "voice": null, "language": null, "options": {}, "webhook_url": "http://127.0.0.1:9/hook", "raw": {}}','{"video": "dc82501d33580bdf3a395f7337804623", "audio": "c21cfea8f57583a244ef3fd91d4cfa6c"}','queued','queued',0.0,0,1795261236559953,NULL,NULL,NULL,'[]',NULL,NULL,'[]',150000,'{}');
INSERT INTO "job" VALUES('8961d4a6ad7d9fd3563e36a2e5a41826',5139207398913254,'397cbb55f1a8f74775a98f8521481da7','wavespeed','pixverse/lipsync','{"face": "wavespeed", "model": "pixverse/lipsync", "video": "media:dc82501d33580bdf3a395f7337804623", "audio": "media:c21cfea8f57583a244ef3fd91d4cfa6c", "text": null, "voice": null, "language": null, "options": {}, "webhook_url": "http://127.0.0.1:9/hook", "raw": {}}','{"video": "dc82501d33580bdf3a395f7337804623", "audio": "c21cfea8f57583a244ef3fd91d4cfa6c"}','cancelled','cancelled',0.0,0,1795261236868890,NULL,1795261236946795,NULL,'[]','cancelled','Stopped on request; nothing was written.','[]',0,'{}');
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
INSERT INTO "ledger" VALUES(1,'397cbb55f1a8f74775a98f8521481da7',NULL,'grant',10000000,'',1795261204475409);
INSERT INTO "ledger" VALUES(2,'397cbb55f1a8f74775a98f8521481da7','d4eeea9c918810387760e2c5683ab6ef','hold',-150000,'',1795261222934967);
INSERT INTO "ledger" VALUES(3,'397cbb55f1a8f74775a98f8521481da7','d4eeea9c918810387760e2c5683ab6ef','release',150000,'',1795261230683514);
INSERT INTO "ledger" VALUES(4,'397cbb55f1a8f74775a98f8521481da7','d4eeea9c918810387760e2c5683ab6ef','charge',-150000,'',1795261230688054);
INSERT INTO "ledger" VALUES(5,'397cbb55f1a8f74775a98f8521481da7','8e9d05ae9025f4b344e4fa37398e8ea5','hold',-150000,'',1795261231467989);
INSERT INTO "ledger" VALUES(6,'397cbb55f1a8f74775a98f8521481da7','e6b66298c5eca8bbcf8c65c44a888573','hold',-150000,'',1795261234371319);
INSERT INTO "ledger" VALUES(7,'397cbb55f1a8f74775a98f8521481da7','b71b852261507e797fdcf5ef076c558f','hold',-150000,'',1795261234617316);
INSERT INTO "ledger" VALUES(8,'397cbb55f1a8f74775a98f8521481da7','4dad96c99dfe5d430401818326b99510','hold',-150000,'',1795261236294024);
INSERT INTO "ledger" VALUES(9,'397cbb55f1a8f74775a98f8521481da7','efa6288efbe44ab4a2a9dfbc7d7f698c','hold',-150000,'',1795261236560597);
INSERT INTO "ledger" VALUES(10,'397cbb55f1a8f74775a98f8521481da7','8961d4a6ad7d9fd3563e36a2e5a41826','hold',-150000,'',1795261236869509);
INSERT INTO "ledger" VALUES(11,'397cbb55f1a8f74775a98f8521481da7','8961d4a6ad7d9fd3563e36a2e5a41826','release',150000,'',1795261236949039);
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
INSERT INTO "media" VALUES('dc82501d33580bdf3a395f7337804623',6553421952631094,'397cbb55f1a8f74775a98f8521481da7','upload',NULL,'video','footage.mp4','video/mp4',1891,'f4b0f80168524a2e62aecf36b5274bca481a5db44d5935afb3b4d83bcdec013d',1.0,32,32,1795261208774726,5395261236898139);
INSERT INTO "media" VALUES('c21cfea8f57583a244ef3fd91d4cfa6c',785990006340268,'397cbb55f1a8f74775a98f8521481da7','upload',NULL,'audio','speech.flac','audio/flac',8442,'60e019b37854fab906724b2cf95299e9d2bc3db65e13ef4ff533eb95eea6eb55',1.0,NULL,NULL,1795261212211990,5395261236898139);
INSERT INTO "media" VALUES('f945b77578a93114f3556b89bf81787a',7737262784347237,'397cbb55f1a8f74775a98f8521481da7','result','d4eeea9c918810387760e2c5683ab6ef','video','d4eeea9c918810387760e2c5683ab6ef.mp4','video/mp4',1891,'f4b0f80168524a2e62aecf36b5274bca481a5db44d5935afb3b4d83bcdec013d',1.0,480,480,1795261230122306,5395261230702603);
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
INSERT INTO "operation_outputs" VALUES('d4eeea9c918810387760e2c5683ab6ef',1,'prepare','gASILg==',NULL,NULL,1795261224888,1795261225259,'py_pickle','lipwright',1795261225000);
INSERT INTO "operation_outputs" VALUES('d4eeea9c918810387760e2c5683ab6ef',2,'render',NULL,NULL,'d4eeea9c918810387760e2c5683ab6ef-render',1795261225363,1795261225545,NULL,'lipwright',1795261225000);
INSERT INTO "operation_outputs" VALUES('d4eeea9c918810387760e2c5683ab6ef-render',1,'render_step','gASILg==',NULL,NULL,1795261225768,1795261230713,'py_pickle','lipwright',1795261230000);
INSERT INTO "operation_outputs" VALUES('d4eeea9c918810387760e2c5683ab6ef',3,'DBOS.getResult','gASILg==',NULL,'d4eeea9c918810387760e2c5683ab6ef-render',1795261225598,1795261231465,'py_pickle','lipwright',1795261231000);
INSERT INTO "operation_outputs" VALUES('8e9d05ae9025f4b344e4fa37398e8ea5',1,'prepare','gASILg==',NULL,NULL,1795261231931,1795261232062,'py_pickle','lipwright',1795261232000);
INSERT INTO "operation_outputs" VALUES('8e9d05ae9025f4b344e4fa37398e8ea5',2,'render',NULL,NULL,'8e9d05ae9025f4b344e4fa37398e8ea5-render',1795261232087,1795261232132,NULL,'lipwright',1795261232000);
INSERT INTO "operation_outputs" VALUES('b71b852261507e797fdcf5ef076c558f',1,'prepare','gASILg==',NULL,NULL,1795261234782,1795261234885,'py_pickle','lipwright',1795261234000);
INSERT INTO "operation_outputs" VALUES('b71b852261507e797fdcf5ef076c558f',2,'render',NULL,NULL,'b71b852261507e797fdcf5ef076c558f-render',1795261234924,1795261234980,NULL,'lipwright',1795261235000);
INSERT INTO "operation_outputs" VALUES('e6b66298c5eca8bbcf8c65c44a888573',1,'prepare','gASILg==',NULL,NULL,1795261234877,1795261235061,'py_pickle','lipwright',1795261235000);
INSERT INTO "operation_outputs" VALUES('e6b66298c5eca8bbcf8c65c44a888573',2,'render',NULL,NULL,'e6b66298c5eca8bbcf8c65c44a888573-render',1795261235160,1795261235202,NULL,'lipwright',1795261235000);
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
INSERT INTO "outbox" VALUES('d4eeea9c918810387760e2c56','d4eeea9c918810387760e2c5683ab6ef','397cbb55f1a8f74775a98f8521481da7','wavespeed','http://127.0.0.1:9/hook','waiting',2,1795261230697005,1795261243878898,NULL,'http://127.0.0.1:9/hook could not be fetched: it cannot be reached. Check that it opens without signing in.');
INSERT INTO "outbox" VALUES('8961d4a6ad7d9fd3563e36a2e','8961d4a6ad7d9fd3563e36a2e5a41826','397cbb55f1a8f74775a98f8521481da7','wavespeed','http://127.0.0.1:9/hook','waiting',1,1795261237046256,1795261239172878,NULL,'http://127.0.0.1:9/hook could not be fetched: it cannot be reached. Check that it opens without signing in.');
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
INSERT INTO "queues" VALUES('9BDF9872A08910F7553E203019C232D1','render',NULL,1,NULL,NULL,1,0,0.2,1795261222000,1795261221800,'lipwright',NULL,NULL,NULL,NULL);
INSERT INTO "queues" VALUES('C0A2207780FAF9D5442A302759492DAE','admit-3',NULL,NULL,NULL,NULL,1,1,0.2,1795261222000,1795261222481,'lipwright',3,NULL,NULL,NULL);
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
INSERT INTO "workflow_input" VALUES('d4eeea9c918810387760e2c5683ab6ef','gASVPgAAAAAAAAB9lCiMBGFyZ3OUjCBkNGVlZWE5YzkxODgxMDM4Nzc2MGUyYzU2ODNhYjZlZpRLZIaUjAZrd2FyZ3OUfZR1Lg==',1795261223000);
INSERT INTO "workflow_input" VALUES('d4eeea9c918810387760e2c5683ab6ef-render','gASVPAAAAAAAAAB9lCiMBGFyZ3OUjCBkNGVlZWE5YzkxODgxMDM4Nzc2MGUyYzU2ODNhYjZlZpSFlIwGa3dhcmdzlH2UdS4=',1795261225000);
INSERT INTO "workflow_input" VALUES('8e9d05ae9025f4b344e4fa37398e8ea5','gASVPgAAAAAAAAB9lCiMBGFyZ3OUjCA4ZTlkMDVhZTkwMjVmNGIzNDRlNGZhMzczOThlOGVhNZRLZIaUjAZrd2FyZ3OUfZR1Lg==',1795261231000);
INSERT INTO "workflow_input" VALUES('8e9d05ae9025f4b344e4fa37398e8ea5-render','gASVPAAAAAAAAAB9lCiMBGFyZ3OUjCA4ZTlkMDVhZTkwMjVmNGIzNDRlNGZhMzczOThlOGVhNZSFlIwGa3dhcmdzlH2UdS4=',1795261232000);
INSERT INTO "workflow_input" VALUES('e6b66298c5eca8bbcf8c65c44a888573','gASVPgAAAAAAAAB9lCiMBGFyZ3OUjCBlNmI2NjI5OGM1ZWNhOGJiY2Y4YzY1YzQ0YTg4ODU3M5RLZIaUjAZrd2FyZ3OUfZR1Lg==',1795261234000);
INSERT INTO "workflow_input" VALUES('b71b852261507e797fdcf5ef076c558f','gASVPgAAAAAAAAB9lCiMBGFyZ3OUjCBiNzFiODUyMjYxNTA3ZTc5N2ZkY2Y1ZWYwNzZjNTU4ZpRLZIaUjAZrd2FyZ3OUfZR1Lg==',1795261234000);
INSERT INTO "workflow_input" VALUES('b71b852261507e797fdcf5ef076c558f-render','gASVPAAAAAAAAAB9lCiMBGFyZ3OUjCBiNzFiODUyMjYxNTA3ZTc5N2ZkY2Y1ZWYwNzZjNTU4ZpSFlIwGa3dhcmdzlH2UdS4=',1795261234000);
INSERT INTO "workflow_input" VALUES('e6b66298c5eca8bbcf8c65c44a888573-render','gASVPAAAAAAAAAB9lCiMBGFyZ3OUjCBlNmI2NjI5OGM1ZWNhOGJiY2Y4YzY1YzQ0YTg4ODU3M5SFlIwGa3dhcmdzlH2UdS4=',1795261235000);
INSERT INTO "workflow_input" VALUES('4dad96c99dfe5d430401818326b99510','gASVPgAAAAAAAAB9lCiMBGFyZ3OUjCA0ZGFkOTZjOTlkZmU1ZDQzMDQwMTgxODMyNmI5OTUxMJRLZIaUjAZrd2FyZ3OUfZR1Lg==',1795261236000);
INSERT INTO "workflow_input" VALUES('efa6288efbe44ab4a2a9dfbc7d7f698c','gASVPgAAAAAAAAB9lCiMBGFyZ3OUjCBlZmE2Mjg4ZWZiZTQ0YWI0YTJhOWRmYmM3ZDdmNjk4Y5RLZIaUjAZrd2FyZ3OUfZR1Lg==',1795261236000);
INSERT INTO "workflow_input" VALUES('8961d4a6ad7d9fd3563e36a2e5a41826','gASVPgAAAAAAAAB9lCiMBGFyZ3OUjCA4OTYxZDRhNmFkN2Q5ZmQzNTYzZTM2YTJlNWE0MTgyNpRLZIaUjAZrd2FyZ3OUfZR1Lg==',1795261236000);
CREATE TABLE workflow_output (
    workflow_uuid TEXT NOT NULL PRIMARY KEY,
    output TEXT,
    error TEXT,
    retention_timestamp INTEGER NOT NULL DEFAULT (strftime('%s','now') * 1000)
);
INSERT INTO "workflow_output" VALUES('d4eeea9c918810387760e2c5683ab6ef-render','gASILg==',NULL,1795261231000);
INSERT INTO "workflow_output" VALUES('d4eeea9c918810387760e2c5683ab6ef','gASILg==',NULL,1795261231000);
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
INSERT INTO "workflow_status" VALUES('d4eeea9c918810387760e2c5683ab6ef','SUCCESS','job',NULL,NULL,NULL,NULL,NULL,NULL,'old-host/old-boot/22117/3717723/8358fa34',1795261223000,1795261231000,'1',NULL,NULL,NULL,1,'admit-3',NULL,NULL,NULL,1795261224000,NULL,100,'397cbb55f1a8f74775a98f8521481da7',NULL,NULL,NULL,'py_pickle',NULL,0,0,1795261231000,'null',NULL,NULL,0,'lipwright','f46113d2-211b-4610-9357-b212617cc591');
INSERT INTO "workflow_status" VALUES('d4eeea9c918810387760e2c5683ab6ef-render','SUCCESS','render',NULL,NULL,NULL,NULL,NULL,NULL,'old-host/old-boot/22117/3717723/8358fa34',1795261225000,1795261231000,'1','',NULL,NULL,1,'render',NULL,NULL,NULL,1795261225000,NULL,100,NULL,NULL,NULL,'d4eeea9c918810387760e2c5683ab6ef','py_pickle',NULL,0,0,1795261231000,'null',NULL,NULL,0,'lipwright','3cf6b5f0-e2a4-4cad-9250-6da9b5223c03');
INSERT INTO "workflow_status" VALUES('8e9d05ae9025f4b344e4fa37398e8ea5','PENDING','job',NULL,NULL,NULL,NULL,NULL,NULL,'old-host/old-boot/22117/3717723/8358fa34',1795261231000,1795261231000,'1',NULL,NULL,NULL,1,'admit-3',NULL,NULL,NULL,1795261231000,NULL,100,'397cbb55f1a8f74775a98f8521481da7',NULL,'bf629acb-6f2c-4779-8a8c-21b9e082d203',NULL,'py_pickle',NULL,0,0,NULL,'null',NULL,NULL,0,'lipwright','4a78f3ab-76a4-47e1-8b06-e6e908e4fe54');
INSERT INTO "workflow_status" VALUES('8e9d05ae9025f4b344e4fa37398e8ea5-render','PENDING','render',NULL,NULL,NULL,NULL,NULL,NULL,'old-host/old-boot/22117/3717723/8358fa34',1795261232000,1795261232000,'1','',NULL,NULL,1,'render',NULL,NULL,NULL,1795261232000,NULL,100,NULL,NULL,'f8505b10-788d-4059-9da9-b70799e04a1b','8e9d05ae9025f4b344e4fa37398e8ea5','py_pickle',NULL,0,0,NULL,'null',NULL,NULL,0,'lipwright','dd942903-327b-4845-9f3e-480a42e2a412');
INSERT INTO "workflow_status" VALUES('e6b66298c5eca8bbcf8c65c44a888573','PENDING','job',NULL,NULL,NULL,NULL,NULL,NULL,'old-host/old-boot/22117/3717723/8358fa34',1795261234000,1795261234000,'1',NULL,NULL,NULL,1,'admit-3',NULL,NULL,NULL,1795261234000,NULL,100,'397cbb55f1a8f74775a98f8521481da7',NULL,'630010a8-62d1-4e5a-a57d-f2ea1dbeb0db',NULL,'py_pickle',NULL,0,0,NULL,'null',NULL,NULL,0,'lipwright','ac1fe54b-d839-4a78-acb8-5d20459dc285');
INSERT INTO "workflow_status" VALUES('b71b852261507e797fdcf5ef076c558f','PENDING','job',NULL,NULL,NULL,NULL,NULL,NULL,'old-host/old-boot/22117/3717723/8358fa34',1795261234000,1795261234000,'1',NULL,NULL,NULL,1,'admit-3',NULL,NULL,NULL,1795261234000,NULL,100,'397cbb55f1a8f74775a98f8521481da7',NULL,'630010a8-62d1-4e5a-a57d-f2ea1dbeb0db',NULL,'py_pickle',NULL,0,0,NULL,'null',NULL,NULL,0,'lipwright','396d4e4b-9a8a-40ef-83cb-718bf6291305');
INSERT INTO "workflow_status" VALUES('b71b852261507e797fdcf5ef076c558f-render','ENQUEUED','render',NULL,NULL,NULL,NULL,NULL,NULL,'old-host/old-boot/22117/3717723/8358fa34',1795261234000,1795261234000,'1','',NULL,NULL,0,'render',NULL,NULL,NULL,NULL,NULL,100,NULL,NULL,NULL,'b71b852261507e797fdcf5ef076c558f','py_pickle',NULL,0,0,NULL,'null',NULL,NULL,0,'lipwright','5d2227ec-4002-495f-8fa0-3a5907471fad');
INSERT INTO "workflow_status" VALUES('e6b66298c5eca8bbcf8c65c44a888573-render','ENQUEUED','render',NULL,NULL,NULL,NULL,NULL,NULL,'old-host/old-boot/22117/3717723/8358fa34',1795261235000,1795261235000,'1','',NULL,NULL,0,'render',NULL,NULL,NULL,NULL,NULL,100,NULL,NULL,NULL,'e6b66298c5eca8bbcf8c65c44a888573','py_pickle',NULL,0,0,NULL,'null',NULL,NULL,0,'lipwright','ae6f4277-a35f-4add-b30a-185cff990066');
INSERT INTO "workflow_status" VALUES('4dad96c99dfe5d430401818326b99510','ENQUEUED','job',NULL,NULL,NULL,NULL,NULL,NULL,NULL,1795261236000,1795261236000,'1',NULL,NULL,NULL,0,'admit-3',NULL,NULL,NULL,NULL,NULL,100,'397cbb55f1a8f74775a98f8521481da7',NULL,NULL,NULL,'py_pickle',NULL,0,0,NULL,'null',NULL,NULL,0,'lipwright','d0d4f9bb-c8de-4c9d-bf58-7b521880a990');
INSERT INTO "workflow_status" VALUES('efa6288efbe44ab4a2a9dfbc7d7f698c','ENQUEUED','job',NULL,NULL,NULL,NULL,NULL,NULL,NULL,1795261236000,1795261236000,'1',NULL,NULL,NULL,0,'admit-3',NULL,NULL,NULL,NULL,NULL,100,'397cbb55f1a8f74775a98f8521481da7',NULL,NULL,NULL,'py_pickle',NULL,0,0,NULL,'null',NULL,NULL,0,'lipwright','a632d157-8bab-4e5c-a55b-0f0190b30279');
INSERT INTO "workflow_status" VALUES('8961d4a6ad7d9fd3563e36a2e5a41826','ENQUEUED','job',NULL,NULL,NULL,NULL,NULL,NULL,NULL,1795261236000,1795261236000,'1',NULL,NULL,NULL,0,'admit-3',NULL,NULL,NULL,NULL,NULL,100,'397cbb55f1a8f74775a98f8521481da7',NULL,NULL,NULL,'py_pickle',NULL,0,0,NULL,'null',NULL,NULL,0,'lipwright','6b5337ae-9e8e-40a0-801b-89a4040e0d94');
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
COMMIT;
