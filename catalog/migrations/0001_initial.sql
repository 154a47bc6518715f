-- What exists: projects hold schemas, schemas hold datasets. A dataset is an external table or a
-- view. Identifiers are UUIDs (version 7) as text, times are milliseconds since 1970-01-01 UTC.

CREATE TABLE project (
    id            TEXT    NOT NULL PRIMARY KEY,
    name          TEXT    NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 255),
    created_at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE project_schema (
    id            TEXT    NOT NULL PRIMARY KEY,
    project_id    TEXT    NOT NULL REFERENCES project (id) ON DELETE CASCADE,
    name          TEXT    NOT NULL CHECK (length(name) BETWEEN 1 AND 255),
    created_at_ms INTEGER NOT NULL,
    UNIQUE (project_id, name)
) STRICT;

CREATE TABLE dataset (
    id            TEXT    NOT NULL PRIMARY KEY,
    schema_id     TEXT    NOT NULL REFERENCES project_schema (id) ON DELETE CASCADE,
    name          TEXT    NOT NULL CHECK (length(name) BETWEEN 1 AND 255),
    kind          TEXT    NOT NULL CHECK (kind IN ('table', 'view')),
    -- The columns as an Arrow IPC schema message; the catalog does not look inside.
    columns_ipc   BLOB    NOT NULL,
    created_at_ms INTEGER NOT NULL,
    UNIQUE (schema_id, name)
) STRICT;

CREATE TABLE external_table (
    dataset_id             TEXT NOT NULL PRIMARY KEY REFERENCES dataset (id) ON DELETE CASCADE,
    format                 TEXT NOT NULL CHECK (format IN ('parquet', 'csv', 'json')),
    location               TEXT NOT NULL,
    -- A JSON array of [name, Arrow type].
    partition_columns_json TEXT NOT NULL,
    -- A JSON object of texts.
    options_json           TEXT NOT NULL,
    -- The statement that made the table.
    definition             TEXT NOT NULL
) STRICT;

CREATE TABLE view_query (
    dataset_id      TEXT NOT NULL PRIMARY KEY REFERENCES dataset (id) ON DELETE CASCADE,
    query           TEXT NOT NULL,
    -- Where names in the query are looked up that do not say their project or schema.
    default_project TEXT NOT NULL,
    default_schema  TEXT NOT NULL
) STRICT;

CREATE TABLE principal (
    id            TEXT    NOT NULL PRIMARY KEY,
    name          TEXT    NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 255),
    password_hash TEXT    NOT NULL,
    is_admin      INTEGER NOT NULL CHECK (is_admin IN (0, 1)),
    created_at_ms INTEGER NOT NULL
) STRICT;

-- One row. The version grows with every change of a project, schema or dataset, in the change's own
-- transaction, so that a reader tells by one number whether what it holds is still true.
CREATE TABLE catalog_state (
    only_row INTEGER NOT NULL PRIMARY KEY CHECK (only_row = 1),
    version  INTEGER NOT NULL
) STRICT;

INSERT INTO catalog_state (only_row, version) VALUES (1, 0);
