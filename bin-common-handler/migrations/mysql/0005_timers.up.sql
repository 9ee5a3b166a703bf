CREATE TABLE IF NOT EXISTS {name}_timers (
    kind VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    entity_id BINARY(16) NOT NULL,
    id BINARY(16) NOT NULL,
    due_at BIGINT NOT NULL,
    next_at BIGINT NOT NULL,
    attempt INT NOT NULL,
    payload MEDIUMTEXT NOT NULL,
    PRIMARY KEY (kind, entity_id),
    KEY {name}_timers_next (kind, next_at)
) CHARACTER SET utf8mb4