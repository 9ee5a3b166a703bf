CREATE INDEX outdial_call_outdial ON outdial_outdialtargetcalls (outdial_id, tm_create);
CREATE INDEX outdial_call_target ON outdial_outdialtargetcalls (outdial_target_id, tm_create);
CREATE INDEX outdial_call_status ON outdial_outdialtargetcalls (outdial_id, status);
