CREATE INDEX outdial_target_idle_0 ON outdial_outdialtargets (outdial_id, idle_try_0, tm_update)
    WHERE idle_try_0 IS NOT NULL;
CREATE INDEX outdial_target_idle_1 ON outdial_outdialtargets (outdial_id, idle_try_1, tm_update)
    WHERE idle_try_1 IS NOT NULL;
CREATE INDEX outdial_target_idle_2 ON outdial_outdialtargets (outdial_id, idle_try_2, tm_update)
    WHERE idle_try_2 IS NOT NULL;
CREATE INDEX outdial_target_idle_3 ON outdial_outdialtargets (outdial_id, idle_try_3, tm_update)
    WHERE idle_try_3 IS NOT NULL;
CREATE INDEX outdial_target_idle_4 ON outdial_outdialtargets (outdial_id, idle_try_4, tm_update)
    WHERE idle_try_4 IS NOT NULL;
CREATE INDEX outdial_target_lease ON outdial_outdialtargets (outdial_id, lease_until) WHERE lease_until IS NOT NULL;
CREATE INDEX outdial_target_created ON outdial_outdialtargets (outdial_id, tm_create);
CREATE INDEX outdial_target_status ON outdial_outdialtargets (outdial_id, tm_delete, status);
CREATE INDEX outdial_target_progress ON outdial_outdialtargets (status, tm_update);
CREATE UNIQUE INDEX outdial_target_import_key ON outdial_outdialtargets (outdial_id, import_key)
    WHERE import_key IS NOT NULL;
