CREATE TABLE IF NOT EXISTS {name}_incoming (
    seq BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    event_key BINARY(32) NOT NULL,
    entity BINARY(32) NOT NULL,
    message_id VARCHAR(255) NOT NULL,
    routing_key VARCHAR(255) NOT NULL,
    version BIGINT NULL,
    customer_id BINARY(16) NULL,
    payload MEDIUMBLOB NOT NULL,
    attempt INT NOT NULL,
    next_at BIGINT NOT NULL,
    UNIQUE KEY {name}_incoming_event (event_key),
    KEY {name}_incoming_entity (entity, seq)
) CHARACTER SET utf8mb4