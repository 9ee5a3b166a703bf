DROP INDEX did_users_live ON did_users
