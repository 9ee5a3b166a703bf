ALTER TABLE outdial_outdialtargetcalls
    DROP KEY outdial_call_outdial,
    DROP KEY outdial_call_target,
    DROP KEY outdial_call_status
