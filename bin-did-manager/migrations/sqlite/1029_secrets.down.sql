DROP TABLE did_secrets
