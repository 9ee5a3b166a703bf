CREATE TABLE IF NOT EXISTS outdial_outdialtargetcalls (
    id BINARY(16) NOT NULL,
    customer_id BINARY(16),
    campaign_id BINARY(16),
    outdial_id BINARY(16),
    outdial_target_id BINARY(16),
    activeflow_id BINARY(16),
    reference_type VARCHAR(255),
    reference_id BINARY(16),
    status VARCHAR(255),
    destination JSON,
    destination_index INTEGER,
    try_count INTEGER,
    tm_create DATETIME(6),
    tm_update DATETIME(6),
    tm_delete DATETIME(6),
    PRIMARY KEY (id)
) CHARACTER SET utf8mb4
