-- The catalog as SQLite has it after its migration of the same number. Identifiers are UUIDs (version
-- 7) as text, times are milliseconds since 1970-01-01 UTC, flags are 0 or 1.

CREATE TABLE project (
    id              TEXT    NOT NULL PRIMARY KEY,
    name            TEXT    NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 255),
    -- The URL below which managed tables lie.
    location        TEXT,
    comment         TEXT,
    -- A JSON object of texts, here and everywhere.
    properties_json TEXT    NOT NULL DEFAULT '{}',
    created_at_ms   BIGINT  NOT NULL,
    -- The catalog's version at the last change of the row, here and everywhere.
    revision        BIGINT  NOT NULL DEFAULT 0
);

CREATE TABLE project_schema (
    id              TEXT    NOT NULL PRIMARY KEY,
    project_id      TEXT    NOT NULL REFERENCES project (id) ON DELETE CASCADE,
    name            TEXT    NOT NULL CHECK (length(name) BETWEEN 1 AND 255),
    comment         TEXT,
    properties_json TEXT    NOT NULL DEFAULT '{}',
    created_at_ms   BIGINT  NOT NULL,
    revision        BIGINT  NOT NULL DEFAULT 0,
    UNIQUE (project_id, name)
);

CREATE TABLE principal (
    id              TEXT    NOT NULL PRIMARY KEY,
    name            TEXT    NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 255),
    kind            TEXT    NOT NULL DEFAULT 'user' CHECK (kind IN ('user', 'role')),
    password_hash   TEXT    NOT NULL,
    is_admin        BIGINT  NOT NULL CHECK (is_admin IN (0, 1)),
    comment         TEXT,
    properties_json TEXT    NOT NULL DEFAULT '{}',
    created_at_ms   BIGINT  NOT NULL,
    revision        BIGINT  NOT NULL DEFAULT 0
);

CREATE TABLE dataset (
    id              TEXT    NOT NULL PRIMARY KEY,
    schema_id       TEXT    NOT NULL REFERENCES project_schema (id) ON DELETE CASCADE,
    name            TEXT    NOT NULL CHECK (length(name) BETWEEN 1 AND 255),
    kind            TEXT    NOT NULL CHECK (kind IN ('table', 'view', 'volume')),
    -- The columns as an Arrow IPC schema message; the catalog does not look inside.
    columns_ipc     BYTEA   NOT NULL,
    -- Whose rights a view reads with.
    definer_id      TEXT    REFERENCES principal (id),
    comment         TEXT,
    properties_json TEXT    NOT NULL DEFAULT '{}',
    created_at_ms   BIGINT  NOT NULL,
    revision        BIGINT  NOT NULL DEFAULT 0,
    UNIQUE (schema_id, name)
);

CREATE TABLE table_files (
    dataset_id             TEXT    NOT NULL PRIMARY KEY REFERENCES dataset (id) ON DELETE CASCADE,
    format                 TEXT    NOT NULL CHECK (format IN ('delta', 'parquet', 'csv', 'json', 'arrow')),
    is_managed             BIGINT  NOT NULL CHECK (is_managed IN (0, 1)),
    location               TEXT    NOT NULL,
    -- A JSON array of [name, Arrow type].
    partition_columns_json TEXT    NOT NULL,
    options_json           TEXT    NOT NULL,
    -- The statement that made the table.
    definition             TEXT    NOT NULL
);

CREATE TABLE view_text (
    dataset_id      TEXT NOT NULL PRIMARY KEY REFERENCES dataset (id) ON DELETE CASCADE,
    query           TEXT NOT NULL,
    -- Where names in the query are looked up that do not say their project or schema.
    default_project TEXT NOT NULL,
    default_schema  TEXT NOT NULL
);

CREATE TABLE volume_files (
    dataset_id TEXT    NOT NULL PRIMARY KEY REFERENCES dataset (id) ON DELETE CASCADE,
    is_managed BIGINT  NOT NULL CHECK (is_managed IN (0, 1)),
    location   TEXT    NOT NULL
);

CREATE INDEX dataset_by_definer ON dataset (definer_id);

CREATE TABLE credential (
    id                TEXT    NOT NULL PRIMARY KEY,
    name              TEXT    NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 255),
    store_type        TEXT    NOT NULL CHECK (store_type IN ('s3', 'gcs', 'azure', 'http')),
    options_json      TEXT    NOT NULL,
    -- A JSON array; empty where the machine has the secrets and the next three columns are null.
    secret_names_json TEXT    NOT NULL,
    key_id            TEXT,
    nonce             BYTEA,
    ciphertext        BYTEA,
    comment           TEXT,
    properties_json   TEXT    NOT NULL DEFAULT '{}',
    created_at_ms     BIGINT  NOT NULL,
    revision          BIGINT  NOT NULL,
    CHECK ((key_id IS NULL) = (ciphertext IS NULL) AND (nonce IS NULL) = (ciphertext IS NULL))
);

CREATE TABLE location (
    id              TEXT    NOT NULL PRIMARY KEY,
    name            TEXT    NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 255),
    -- In normal form, so that no two rows mean the same prefix.
    url             TEXT    NOT NULL UNIQUE,
    credential_id   TEXT    REFERENCES credential (id),
    options_json    TEXT    NOT NULL,
    comment         TEXT,
    properties_json TEXT    NOT NULL DEFAULT '{}',
    created_at_ms   BIGINT  NOT NULL,
    revision        BIGINT  NOT NULL
);

CREATE INDEX location_by_credential ON location (credential_id);

CREATE TABLE role_member (
    role_id       TEXT    NOT NULL REFERENCES principal (id) ON DELETE CASCADE,
    member_id     TEXT    NOT NULL REFERENCES principal (id) ON DELETE CASCADE,
    created_at_ms BIGINT  NOT NULL,
    PRIMARY KEY (role_id, member_id),
    CHECK (role_id <> member_id)
);

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
    created_at_ms BIGINT  NOT NULL,
    revision      BIGINT  NOT NULL,
    UNIQUE (project_id, grantee_id, privilege),
    UNIQUE (schema_id, grantee_id, privilege),
    UNIQUE (dataset_id, grantee_id, privilege),
    UNIQUE (location_id, grantee_id, privilege),
    CHECK (num_nonnulls(project_id, schema_id, dataset_id, location_id) = 1)
);

CREATE INDEX privilege_grant_by_grantee ON privilege_grant (grantee_id);
CREATE INDEX privilege_grant_by_grantor ON privilege_grant (grantor_id);

CREATE TABLE api_key (
    id              TEXT    NOT NULL PRIMARY KEY,
    principal_id    TEXT    NOT NULL REFERENCES principal (id) ON DELETE CASCADE,
    name            TEXT    NOT NULL CHECK (length(name) BETWEEN 1 AND 255),
    -- The key itself is nowhere.
    hash            TEXT    NOT NULL UNIQUE,
    created_at_ms   BIGINT  NOT NULL,
    expires_at_ms   BIGINT,
    last_used_at_ms BIGINT,
    UNIQUE (principal_id, name)
);

-- It refers to no other table: what happened stays, whoever and whatever is dropped.
CREATE TABLE query_history (
    id                TEXT    NOT NULL PRIMARY KEY,
    principal_id      TEXT    NOT NULL,
    principal_name    TEXT    NOT NULL,
    query             TEXT    NOT NULL,
    query_bytes       BIGINT  NOT NULL,
    tier              TEXT    NOT NULL,
    submitted_at_ms   BIGINT  NOT NULL,
    started_at_ms     BIGINT  NOT NULL,
    finished_at_ms    BIGINT  NOT NULL,
    row_count         BIGINT  NOT NULL,
    bytes_scanned     BIGINT  NOT NULL,
    bytes_sent        BIGINT  NOT NULL,
    cpu_us            BIGINT  NOT NULL,
    peak_memory_bytes BIGINT  NOT NULL,
    spilled_bytes     BIGINT  NOT NULL,
    retries           BIGINT  NOT NULL,
    outcome           TEXT    NOT NULL
);

CREATE INDEX query_history_by_time ON query_history (finished_at_ms, id);
CREATE INDEX query_history_by_principal ON query_history (principal_id, finished_at_ms, id);

-- One row. The version grows with every change that a snapshot shows, in the change's own transaction,
-- so that a reader tells by one number whether what it holds is still true. Writers lock the row first.
CREATE TABLE catalog_state (
    only_row BIGINT  NOT NULL PRIMARY KEY CHECK (only_row = 1),
    version  BIGINT  NOT NULL
);

INSERT INTO catalog_state (only_row, version) VALUES (1, 0);
