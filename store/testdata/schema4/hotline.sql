-- A data folder of schema 4 with one call and one user.
BEGIN TRANSACTION;
CREATE TABLE bindings (
    user    TEXT NOT NULL,
    contact TEXT NOT NULL,
    expires INTEGER NOT NULL,
    state   TEXT NOT NULL,                 -- JSON of call.Binding
    PRIMARY KEY (user, contact)
) STRICT;
CREATE TABLE calls (
    id          TEXT PRIMARY KEY,          -- UUIDv7: sorts by time
    line        TEXT NOT NULL,
    trunk       TEXT NOT NULL,
    from_number TEXT NOT NULL,
    withheld    INTEGER NOT NULL,
    language    TEXT NOT NULL,
    queue       TEXT NOT NULL,
    operator    TEXT NOT NULL,
    outcome     TEXT NOT NULL,             -- empty while the call is open
    phase       TEXT NOT NULL,
    ended_by    TEXT NOT NULL,
    code        INTEGER NOT NULL,
    arrived     INTEGER NOT NULL,
    answered    INTEGER,
    ended       INTEGER,                   -- NULL: still open
    waited      INTEGER NOT NULL,
    talked      INTEGER NOT NULL,
    recording   TEXT NOT NULL,             -- path relative to the data folder
    recording_state TEXT NOT NULL,         -- sealed, interrupted; empty while open or without one
    notice      TEXT                       -- JSON
, kind TEXT NOT NULL DEFAULT 'call', linked TEXT NOT NULL DEFAULT '') STRICT;
INSERT INTO "calls" VALUES('01900000-0000-7000-8000-000000000001','919','carrier','+000123456789',1,'az','general','aysel','completed','waiting','caller',486,1795599001123456,1795599002123456,1795599061123456,4500000,31000000,'recordings/2026/11/25/01900000-0000-7000-8000-000000000001.wav','','{"key":"notice.recording","language":"az","version":"ab12","from":"2026-11-25T09:30:02.123456Z","to":"2026-11-25T09:30:06.123456Z","languages":["az","en"]}','call','');
CREATE TABLE dialogs (
    leg   TEXT PRIMARY KEY,
    call  TEXT NOT NULL,
    state TEXT NOT NULL                    -- JSON of call.Dialog
) STRICT;
CREATE TABLE events (
    seq  INTEGER PRIMARY KEY,              -- number of the spool entry
    call TEXT NOT NULL,                    -- empty for events of operators
    at   INTEGER NOT NULL,
    name TEXT NOT NULL,
    data TEXT NOT NULL                     -- JSON object of strings
) STRICT;
CREATE TABLE floor_journal (
    seq      INTEGER PRIMARY KEY,          -- number of the spool entry
    at       INTEGER NOT NULL,
    call     TEXT NOT NULL,                -- empty: of operators, or of the house
    kind     TEXT NOT NULL,                -- of the event; checkpoint: the whole floor
    event    TEXT NOT NULL,                -- JSON
    commands TEXT NOT NULL                 -- JSON: what was decided
) STRICT;
CREATE TABLE marks (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT;
INSERT INTO "marks" VALUES('spool',2);
INSERT INTO "marks" VALUES('users',1);
CREATE TABLE schema (
		id INTEGER PRIMARY KEY AUTOINCREMENT,
		version_id INTEGER NOT NULL,
		is_applied INTEGER NOT NULL,
		tstamp TIMESTAMP DEFAULT (datetime('now'))
	);
INSERT INTO "schema" VALUES(1,0,1,'2026-11-25 09:48:44');
INSERT INTO "schema" VALUES(2,1,1,'2026-11-25 09:48:44');
INSERT INTO "schema" VALUES(3,2,1,'2026-11-25 19:00:00');
INSERT INTO "schema" VALUES(4,3,1,'2026-11-25 19:00:00');
INSERT INTO "schema" VALUES(5,4,1,'2026-11-25 19:00:00');
CREATE TABLE sip_secrets (
    user      TEXT NOT NULL REFERENCES users (name),
    realm     TEXT NOT NULL,
    algorithm TEXT NOT NULL,               -- MD5, SHA-256
    sealed    BLOB NOT NULL,               -- the HA1, sealed with keys/seal.key
    PRIMARY KEY (user, realm, algorithm)
) STRICT;
CREATE TABLE users (
    name      TEXT PRIMARY KEY,
    role      TEXT NOT NULL,
    languages TEXT NOT NULL,               -- JSON array
    queues    TEXT NOT NULL,               -- JSON array; empty: every queue
    disabled  INTEGER NOT NULL,
    password  TEXT NOT NULL,               -- argon2id, in the usual $ form
    created   INTEGER NOT NULL
, auto_answer INTEGER NOT NULL DEFAULT 0) STRICT;
INSERT INTO "users" VALUES('aysel','operator','["az","ru"]','["tax","general"]',0,'$argon2id$v=19$m=19456,t=2,p=1$U8L/rDL+KY1GRg4pjrbRlg$yY7F0TekN9nOK5A5EfwKNV44ZMo9yBKw2EKj8Q03hOs',1795600124876181,1);
CREATE INDEX calls_by_arrival ON calls (arrived DESC, id DESC);
CREATE INDEX calls_open ON calls (arrived) WHERE ended IS NULL;
CREATE INDEX events_by_call ON events (call, seq);
CREATE INDEX floor_journal_by_call ON floor_journal (call, seq) WHERE call <> '';
CREATE INDEX floor_journal_by_time ON floor_journal (at);
CREATE INDEX floor_journal_checkpoints ON floor_journal (seq) WHERE kind = 'checkpoint';
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('schema',5);
COMMIT;
