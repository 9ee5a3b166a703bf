DROP INDEX outdial_call_status;
DROP INDEX outdial_call_target;
DROP INDEX outdial_call_outdial;
