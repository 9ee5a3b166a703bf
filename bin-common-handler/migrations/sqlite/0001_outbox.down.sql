DROP TABLE IF EXISTS {name}_outbox
