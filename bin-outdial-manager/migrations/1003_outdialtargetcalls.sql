-- The table may be voipbin's, with rows: it is taken as it stands, and `down` leaves both.
CREATE TABLE IF NOT EXISTS outdial_outdialtargetcalls (
    id {uuid} NOT NULL,
    customer_id {uuid},
    campaign_id {uuid},
    outdial_id {uuid},
    outdial_target_id {uuid},
    activeflow_id {uuid},
    reference_type {varchar255},
    reference_id {uuid},
    status {varchar255},
    destination {json},
    destination_index INTEGER,
    try_count INTEGER,
    tm_create {time},
    tm_update {time},
    tm_delete {time},
    PRIMARY KEY (id)
) {table};
CREATE INDEX IF NOT EXISTS outdial_call_outdial ON outdial_outdialtargetcalls (outdial_id, tm_create);
CREATE INDEX IF NOT EXISTS outdial_call_target ON outdial_outdialtargetcalls (outdial_target_id, tm_create);
CREATE INDEX IF NOT EXISTS outdial_call_status ON outdial_outdialtargetcalls (outdial_id, status);

-- down
DROP INDEX IF EXISTS outdial_call_status ON outdial_outdialtargetcalls;
DROP INDEX IF EXISTS outdial_call_target ON outdial_outdialtargetcalls;
DROP INDEX IF EXISTS outdial_call_outdial ON outdial_outdialtargetcalls;
