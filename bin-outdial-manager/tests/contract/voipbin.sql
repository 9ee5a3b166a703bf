CREATE TABLE outdial_outdials (
    id BINARY(16) NOT NULL,
    customer_id BINARY(16),
    campaign_id BINARY(16),
    name VARCHAR(255),
    detail TEXT,
    data TEXT,
    tm_create DATETIME(6),
    tm_update DATETIME(6),
    tm_delete DATETIME(6),
    PRIMARY KEY (id)
) CHARACTER SET utf8mb4;

CREATE TABLE outdial_outdialtargets (
    id BINARY(16) NOT NULL,
    outdial_id BINARY(16),
    name VARCHAR(255),
    detail TEXT,
    data TEXT,
    status VARCHAR(255),
    destination_0 JSON,
    destination_1 JSON,
    destination_2 JSON,
    destination_3 JSON,
    destination_4 JSON,
    try_count_0 INTEGER,
    try_count_1 INTEGER,
    try_count_2 INTEGER,
    try_count_3 INTEGER,
    try_count_4 INTEGER,
    tm_create DATETIME(6),
    tm_update DATETIME(6),
    tm_delete DATETIME(6),
    PRIMARY KEY (id)
) CHARACTER SET utf8mb4;

CREATE TABLE outdial_outdialtargetcalls (
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
) CHARACTER SET utf8mb4;
