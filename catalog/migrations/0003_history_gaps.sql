-- What is not known of a query is NULL. No server wrote the history before this.
DROP TABLE query_history;

CREATE TABLE query_history (
    id                TEXT    NOT NULL PRIMARY KEY,
    principal_id      TEXT    NOT NULL,
    principal_name    TEXT    NOT NULL,
    query             TEXT    NOT NULL,
    query_bytes       INTEGER NOT NULL,
    tier              TEXT,
    submitted_at_ms   INTEGER NOT NULL,
    started_at_ms     INTEGER,
    finished_at_ms    INTEGER NOT NULL,
    row_count         INTEGER NOT NULL,
    bytes_scanned     INTEGER,
    bytes_sent        INTEGER,
    cpu_us            INTEGER,
    peak_memory_bytes INTEGER,
    spilled_bytes     INTEGER,
    retries           INTEGER,
    outcome           TEXT    NOT NULL
) STRICT;

CREATE INDEX query_history_by_time ON query_history (finished_at_ms, id);
CREATE INDEX query_history_by_principal ON query_history (principal_id, finished_at_ms, id);
