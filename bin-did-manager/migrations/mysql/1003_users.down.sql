DROP TABLE did_users
