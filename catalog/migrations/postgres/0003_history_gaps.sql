-- What is not known of a query is NULL. No server wrote the history before this.
DROP TABLE query_history;

CREATE TABLE query_history (
    id                TEXT    NOT NULL PRIMARY KEY,
    principal_id      TEXT    NOT NULL,
    principal_name    TEXT    NOT NULL,
    query             TEXT    NOT NULL,
    query_bytes       BIGINT  NOT NULL,
    tier              TEXT,
    submitted_at_ms   BIGINT  NOT NULL,
    started_at_ms     BIGINT,
    finished_at_ms    BIGINT  NOT NULL,
    row_count         BIGINT  NOT NULL,
    bytes_scanned     BIGINT,
    bytes_sent        BIGINT,
    cpu_us            BIGINT,
    peak_memory_bytes BIGINT,
    spilled_bytes     BIGINT,
    retries           BIGINT,
    outcome           TEXT    NOT NULL
);

CREATE INDEX query_history_by_time ON query_history (finished_at_ms, id);
CREATE INDEX query_history_by_principal ON query_history (principal_id, finished_at_ms, id);
