ALTER TABLE outdial_outdialtargetcalls
    ADD KEY outdial_call_outdial (outdial_id, tm_create),
    ADD KEY outdial_call_target (outdial_target_id, tm_create),
    ADD KEY outdial_call_status (outdial_id, status)
