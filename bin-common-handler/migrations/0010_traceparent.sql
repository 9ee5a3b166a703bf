-- The trace that an event, a timer or a foreign event belongs to (W3C Trace Context).
ALTER TABLE {name}_outbox ADD COLUMN IF NOT EXISTS traceparent {varchar64} NULL;
ALTER TABLE {name}_timers ADD COLUMN IF NOT EXISTS traceparent {varchar64} NULL;
ALTER TABLE {name}_incoming ADD COLUMN IF NOT EXISTS traceparent {varchar64} NULL;

-- down
ALTER TABLE {name}_incoming DROP COLUMN IF EXISTS traceparent;
ALTER TABLE {name}_timers DROP COLUMN IF EXISTS traceparent;
ALTER TABLE {name}_outbox DROP COLUMN IF EXISTS traceparent;
