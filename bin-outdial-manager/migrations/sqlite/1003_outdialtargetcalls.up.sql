CREATE TABLE IF NOT EXISTS outdial_outdialtargetcalls (
    id BLOB NOT NULL,
    customer_id BLOB,
    campaign_id BLOB,
    outdial_id BLOB,
    outdial_target_id BLOB,
    activeflow_id BLOB,
    reference_type TEXT,
    reference_id BLOB,
    status TEXT,
    destination TEXT,
    destination_index INTEGER,
    try_count INTEGER,
    tm_create INTEGER,
    tm_update INTEGER,
    tm_delete INTEGER,
    PRIMARY KEY (id)
)
