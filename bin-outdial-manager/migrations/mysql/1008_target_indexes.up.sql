ALTER TABLE outdial_outdialtargets
    ADD KEY outdial_target_idle_0 (outdial_id, idle_try_0, tm_update),
    ADD KEY outdial_target_idle_1 (outdial_id, idle_try_1, tm_update),
    ADD KEY outdial_target_idle_2 (outdial_id, idle_try_2, tm_update),
    ADD KEY outdial_target_idle_3 (outdial_id, idle_try_3, tm_update),
    ADD KEY outdial_target_idle_4 (outdial_id, idle_try_4, tm_update),
    ADD KEY outdial_target_lease (outdial_id, lease_until),
    ADD KEY outdial_target_created (outdial_id, tm_create),
    ADD KEY outdial_target_status (outdial_id, tm_delete, status),
    ADD KEY outdial_target_progress (status, tm_update),
    ADD UNIQUE KEY outdial_target_import_key (outdial_id, import_key)
