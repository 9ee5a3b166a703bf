-- The table may be voipbin's, with rows: it is taken as it stands, and `down` leaves both.
CREATE TABLE IF NOT EXISTS outdial_outdialtargets (
    id {uuid} NOT NULL,
    outdial_id {uuid},
    name {varchar255},
    detail TEXT,
    data TEXT,
    status {varchar255},
    destination_0 {json},
    destination_1 {json},
    destination_2 {json},
    destination_3 {json},
    destination_4 {json},
    try_count_0 INTEGER,
    try_count_1 INTEGER,
    try_count_2 INTEGER,
    try_count_3 INTEGER,
    try_count_4 INTEGER,
    tm_create {time},
    tm_update {time},
    tm_delete {time},
    PRIMARY KEY (id)
) {table};
-- voipbin writes no tm_update before the first change.
UPDATE outdial_outdialtargets SET tm_update = tm_create WHERE tm_update IS NULL;
ALTER TABLE outdial_outdialtargets ADD COLUMN IF NOT EXISTS lease_until {bigint} NULL;
ALTER TABLE outdial_outdialtargets ADD COLUMN IF NOT EXISTS refusals INTEGER NOT NULL DEFAULT 0;
ALTER TABLE outdial_outdialtargets ADD COLUMN IF NOT EXISTS refused_until {bigint} NULL;
ALTER TABLE outdial_outdialtargets ADD COLUMN IF NOT EXISTS winner {varchar255} NULL;
ALTER TABLE outdial_outdialtargets ADD COLUMN IF NOT EXISTS refused {varchar255} NULL;
ALTER TABLE outdial_outdialtargets ADD COLUMN IF NOT EXISTS import_key {exact255} NULL;
ALTER TABLE outdial_outdialtargets ADD COLUMN IF NOT EXISTS idle_try_0 INTEGER GENERATED ALWAYS AS
    (CASE WHEN status = 'idle' AND tm_delete IS NULL AND lease_until IS NULL AND destination_0 IS NOT NULL
    -- mysql: AND JSON_TYPE(destination_0) <> 'NULL' THEN COALESCE(try_count_0, 0) END) STORED;
    -- sqlite: AND json_type(destination_0) <> 'null' THEN COALESCE(try_count_0, 0) END) VIRTUAL;
ALTER TABLE outdial_outdialtargets ADD COLUMN IF NOT EXISTS idle_try_1 INTEGER GENERATED ALWAYS AS
    (CASE WHEN status = 'idle' AND tm_delete IS NULL AND lease_until IS NULL AND destination_1 IS NOT NULL
    -- mysql: AND JSON_TYPE(destination_1) <> 'NULL' THEN COALESCE(try_count_1, 0) END) STORED;
    -- sqlite: AND json_type(destination_1) <> 'null' THEN COALESCE(try_count_1, 0) END) VIRTUAL;
ALTER TABLE outdial_outdialtargets ADD COLUMN IF NOT EXISTS idle_try_2 INTEGER GENERATED ALWAYS AS
    (CASE WHEN status = 'idle' AND tm_delete IS NULL AND lease_until IS NULL AND destination_2 IS NOT NULL
    -- mysql: AND JSON_TYPE(destination_2) <> 'NULL' THEN COALESCE(try_count_2, 0) END) STORED;
    -- sqlite: AND json_type(destination_2) <> 'null' THEN COALESCE(try_count_2, 0) END) VIRTUAL;
ALTER TABLE outdial_outdialtargets ADD COLUMN IF NOT EXISTS idle_try_3 INTEGER GENERATED ALWAYS AS
    (CASE WHEN status = 'idle' AND tm_delete IS NULL AND lease_until IS NULL AND destination_3 IS NOT NULL
    -- mysql: AND JSON_TYPE(destination_3) <> 'NULL' THEN COALESCE(try_count_3, 0) END) STORED;
    -- sqlite: AND json_type(destination_3) <> 'null' THEN COALESCE(try_count_3, 0) END) VIRTUAL;
ALTER TABLE outdial_outdialtargets ADD COLUMN IF NOT EXISTS idle_try_4 INTEGER GENERATED ALWAYS AS
    (CASE WHEN status = 'idle' AND tm_delete IS NULL AND lease_until IS NULL AND destination_4 IS NOT NULL
    -- mysql: AND JSON_TYPE(destination_4) <> 'NULL' THEN COALESCE(try_count_4, 0) END) STORED;
    -- sqlite: AND json_type(destination_4) <> 'null' THEN COALESCE(try_count_4, 0) END) VIRTUAL;
CREATE INDEX IF NOT EXISTS outdial_target_idle_0 ON outdial_outdialtargets (outdial_id, idle_try_0, tm_update)
    -- sqlite: WHERE idle_try_0 IS NOT NULL
;
CREATE INDEX IF NOT EXISTS outdial_target_idle_1 ON outdial_outdialtargets (outdial_id, idle_try_1, tm_update)
    -- sqlite: WHERE idle_try_1 IS NOT NULL
;
CREATE INDEX IF NOT EXISTS outdial_target_idle_2 ON outdial_outdialtargets (outdial_id, idle_try_2, tm_update)
    -- sqlite: WHERE idle_try_2 IS NOT NULL
;
CREATE INDEX IF NOT EXISTS outdial_target_idle_3 ON outdial_outdialtargets (outdial_id, idle_try_3, tm_update)
    -- sqlite: WHERE idle_try_3 IS NOT NULL
;
CREATE INDEX IF NOT EXISTS outdial_target_idle_4 ON outdial_outdialtargets (outdial_id, idle_try_4, tm_update)
    -- sqlite: WHERE idle_try_4 IS NOT NULL
;
CREATE INDEX IF NOT EXISTS outdial_target_lease ON outdial_outdialtargets (outdial_id, lease_until)
    -- sqlite: WHERE lease_until IS NOT NULL
;
CREATE INDEX IF NOT EXISTS outdial_target_created ON outdial_outdialtargets (outdial_id, tm_create);
CREATE INDEX IF NOT EXISTS outdial_target_status ON outdial_outdialtargets (outdial_id, tm_delete, status);
CREATE INDEX IF NOT EXISTS outdial_target_progress ON outdial_outdialtargets (status, tm_update);
CREATE UNIQUE INDEX IF NOT EXISTS outdial_target_import_key ON outdial_outdialtargets (outdial_id, import_key)
    -- sqlite: WHERE import_key IS NOT NULL
;

-- down
DROP INDEX IF EXISTS outdial_target_import_key ON outdial_outdialtargets;
DROP INDEX IF EXISTS outdial_target_progress ON outdial_outdialtargets;
DROP INDEX IF EXISTS outdial_target_status ON outdial_outdialtargets;
DROP INDEX IF EXISTS outdial_target_created ON outdial_outdialtargets;
DROP INDEX IF EXISTS outdial_target_lease ON outdial_outdialtargets;
DROP INDEX IF EXISTS outdial_target_idle_4 ON outdial_outdialtargets;
DROP INDEX IF EXISTS outdial_target_idle_3 ON outdial_outdialtargets;
DROP INDEX IF EXISTS outdial_target_idle_2 ON outdial_outdialtargets;
DROP INDEX IF EXISTS outdial_target_idle_1 ON outdial_outdialtargets;
DROP INDEX IF EXISTS outdial_target_idle_0 ON outdial_outdialtargets;
ALTER TABLE outdial_outdialtargets DROP COLUMN IF EXISTS idle_try_4;
ALTER TABLE outdial_outdialtargets DROP COLUMN IF EXISTS idle_try_3;
ALTER TABLE outdial_outdialtargets DROP COLUMN IF EXISTS idle_try_2;
ALTER TABLE outdial_outdialtargets DROP COLUMN IF EXISTS idle_try_1;
ALTER TABLE outdial_outdialtargets DROP COLUMN IF EXISTS idle_try_0;
ALTER TABLE outdial_outdialtargets DROP COLUMN IF EXISTS import_key;
ALTER TABLE outdial_outdialtargets DROP COLUMN IF EXISTS refused;
ALTER TABLE outdial_outdialtargets DROP COLUMN IF EXISTS winner;
ALTER TABLE outdial_outdialtargets DROP COLUMN IF EXISTS refused_until;
ALTER TABLE outdial_outdialtargets DROP COLUMN IF EXISTS refusals;
ALTER TABLE outdial_outdialtargets DROP COLUMN IF EXISTS lease_until;
