-- Volumes, managed tables and more formats; comments and properties; locations, credentials, roles,
-- grants, API keys; the history of queries. The tables of PostgreSQL have the same columns.

ALTER TABLE project ADD COLUMN location TEXT;
ALTER TABLE project ADD COLUMN comment TEXT;
-- A JSON object of texts, here and everywhere.
ALTER TABLE project ADD COLUMN properties_json TEXT NOT NULL DEFAULT '{}';
-- The catalog's version at the last change of the row, here and everywhere.
ALTER TABLE project ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;

ALTER TABLE project_schema ADD COLUMN comment TEXT;
ALTER TABLE project_schema ADD COLUMN properties_json TEXT NOT NULL DEFAULT '{}';
ALTER TABLE project_schema ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;

ALTER TABLE principal ADD COLUMN kind TEXT NOT NULL DEFAULT 'user' CHECK (kind IN ('user', 'role'));
ALTER TABLE principal ADD COLUMN comment TEXT;
ALTER TABLE principal ADD COLUMN properties_json TEXT NOT NULL DEFAULT '{}';
ALTER TABLE principal ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;

-- SQLite cannot alter a check, so datasets move to new tables. What hangs on a dataset moves first:
-- dropping the old table would delete it.

CREATE TABLE dataset_next (
    id              TEXT    NOT NULL PRIMARY KEY,
    schema_id       TEXT    NOT NULL REFERENCES project_schema (id) ON DELETE CASCADE,
    name            TEXT    NOT NULL CHECK (length(name) BETWEEN 1 AND 255),
    kind            TEXT    NOT NULL CHECK (kind IN ('table', 'view', 'volume')),
    -- The columns as an Arrow IPC schema message; the catalog does not look inside.
    columns_ipc     BLOB    NOT NULL,
    -- Whose rights a view reads with.
    definer_id      TEXT    REFERENCES principal (id),
    comment         TEXT,
    properties_json TEXT    NOT NULL DEFAULT '{}',
    created_at_ms   INTEGER NOT NULL,
    revision        INTEGER NOT NULL DEFAULT 0,
    UNIQUE (schema_id, name)
) STRICT;

CREATE TABLE table_files (
    dataset_id             TEXT    NOT NULL PRIMARY KEY REFERENCES dataset_next (id) ON DELETE CASCADE,
    format                 TEXT    NOT NULL CHECK (format IN ('delta', 'parquet', 'csv', 'json', 'arrow')),
    is_managed             INTEGER NOT NULL CHECK (is_managed IN (0, 1)),
    location               TEXT    NOT NULL,
    -- A JSON array of [name, Arrow type].
    partition_columns_json TEXT    NOT NULL,
    options_json           TEXT    NOT NULL,
    -- The statement that made the table.
    definition             TEXT    NOT NULL
) STRICT;

CREATE TABLE view_text (
    dataset_id      TEXT NOT NULL PRIMARY KEY REFERENCES dataset_next (id) ON DELETE CASCADE,
    query           TEXT NOT NULL,
    -- Where names in the query are looked up that do not say their project or schema.
    default_project TEXT NOT NULL,
    default_schema  TEXT NOT NULL
) STRICT;

CREATE TABLE volume_files (
    dataset_id TEXT    NOT NULL PRIMARY KEY REFERENCES dataset_next (id) ON DELETE CASCADE,
    is_managed INTEGER NOT NULL CHECK (is_managed IN (0, 1)),
    location   TEXT    NOT NULL
) STRICT;

-- So far only admins came in, so views keep on reading everything.
INSERT INTO dataset_next (id, schema_id, name, kind, columns_ipc, definer_id, created_at_ms)
SELECT id, schema_id, name, kind, columns_ipc,
       (SELECT id FROM principal WHERE is_admin = 1 ORDER BY created_at_ms, id LIMIT 1), created_at_ms
FROM dataset;

INSERT INTO table_files
SELECT dataset_id, format, 0, location, partition_columns_json, options_json, definition
FROM external_table;

INSERT INTO view_text
SELECT dataset_id, query, default_project, default_schema
FROM view_query;

DROP TABLE external_table;
DROP TABLE view_query;
DROP TABLE dataset;
ALTER TABLE dataset_next RENAME TO dataset;

CREATE INDEX dataset_by_definer ON dataset (definer_id);

CREATE TABLE credential (
    id                TEXT    NOT NULL PRIMARY KEY,
    name              TEXT    NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 255),
    store_type        TEXT    NOT NULL CHECK (store_type IN ('s3', 'gcs', 'azure', 'http')),
    options_json      TEXT    NOT NULL,
    -- A JSON array; empty where the machine has the secrets and the next three columns are null.
    secret_names_json TEXT    NOT NULL,
    key_id            TEXT,
    nonce             BLOB,
    ciphertext        BLOB,
    comment           TEXT,
    properties_json   TEXT    NOT NULL DEFAULT '{}',
    created_at_ms     INTEGER NOT NULL,
    revision          INTEGER NOT NULL,
    CHECK ((key_id IS NULL) = (ciphertext IS NULL) AND (nonce IS NULL) = (ciphertext IS NULL))
) STRICT;

CREATE TABLE location (
    id              TEXT    NOT NULL PRIMARY KEY,
    name            TEXT    NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 255),
    -- In normal form, so that no two rows mean the same prefix.
    url             TEXT    NOT NULL UNIQUE,
    credential_id   TEXT    REFERENCES credential (id),
    options_json    TEXT    NOT NULL,
    comment         TEXT,
    properties_json TEXT    NOT NULL DEFAULT '{}',
    created_at_ms   INTEGER NOT NULL,
    revision        INTEGER NOT NULL
) STRICT;

CREATE INDEX location_by_credential ON location (credential_id);

CREATE TABLE role_member (
    role_id       TEXT    NOT NULL REFERENCES principal (id) ON DELETE CASCADE,
    member_id     TEXT    NOT NULL REFERENCES principal (id) ON DELETE CASCADE,
    created_at_ms INTEGER NOT NULL,
    PRIMARY KEY (role_id, member_id),
    CHECK (role_id <> member_id)
) STRICT;

CREATE INDEX role_member_by_member ON role_member (member_id);

CREATE TABLE privilege_grant (
    id            TEXT    NOT NULL PRIMARY KEY,
    grantee_id    TEXT    NOT NULL REFERENCES principal (id) ON DELETE CASCADE,
    privilege     TEXT    NOT NULL CHECK (privilege IN ('select', 'modify', 'create', 'manage', 'own', 'read', 'write')),
    -- One of the four. It stays through a renaming and goes with the object.
    project_id    TEXT    REFERENCES project (id) ON DELETE CASCADE,
    schema_id     TEXT    REFERENCES project_schema (id) ON DELETE CASCADE,
    dataset_id    TEXT    REFERENCES dataset (id) ON DELETE CASCADE,
    location_id   TEXT    REFERENCES location (id) ON DELETE CASCADE,
    grantor_id    TEXT    REFERENCES principal (id) ON DELETE SET NULL,
    created_at_ms INTEGER NOT NULL,
    revision      INTEGER NOT NULL,
    UNIQUE (project_id, grantee_id, privilege),
    UNIQUE (schema_id, grantee_id, privilege),
    UNIQUE (dataset_id, grantee_id, privilege),
    UNIQUE (location_id, grantee_id, privilege),
    CHECK ((project_id IS NOT NULL) + (schema_id IS NOT NULL) + (dataset_id IS NOT NULL) + (location_id IS NOT NULL) = 1)
) STRICT;

CREATE INDEX privilege_grant_by_grantee ON privilege_grant (grantee_id);
CREATE INDEX privilege_grant_by_grantor ON privilege_grant (grantor_id);

CREATE TABLE api_key (
    id              TEXT    NOT NULL PRIMARY KEY,
    principal_id    TEXT    NOT NULL REFERENCES principal (id) ON DELETE CASCADE,
    name            TEXT    NOT NULL CHECK (length(name) BETWEEN 1 AND 255),
    -- The key itself is nowhere.
    hash            TEXT    NOT NULL UNIQUE,
    created_at_ms   INTEGER NOT NULL,
    expires_at_ms   INTEGER,
    last_used_at_ms INTEGER,
    UNIQUE (principal_id, name)
) STRICT;

-- It refers to no other table: what happened stays, whoever and whatever is dropped.
CREATE TABLE query_history (
    id                TEXT    NOT NULL PRIMARY KEY,
    principal_id      TEXT    NOT NULL,
    principal_name    TEXT    NOT NULL,
    query             TEXT    NOT NULL,
    query_bytes       INTEGER NOT NULL,
    tier              TEXT    NOT NULL,
    submitted_at_ms   INTEGER NOT NULL,
    started_at_ms     INTEGER NOT NULL,
    finished_at_ms    INTEGER NOT NULL,
    row_count         INTEGER NOT NULL,
    bytes_scanned     INTEGER NOT NULL,
    bytes_sent        INTEGER NOT NULL,
    cpu_us            INTEGER NOT NULL,
    peak_memory_bytes INTEGER NOT NULL,
    spilled_bytes     INTEGER NOT NULL,
    retries           INTEGER NOT NULL,
    outcome           TEXT    NOT NULL
) STRICT;

CREATE INDEX query_history_by_time ON query_history (finished_at_ms, id);
CREATE INDEX query_history_by_principal ON query_history (principal_id, finished_at_ms, id);
