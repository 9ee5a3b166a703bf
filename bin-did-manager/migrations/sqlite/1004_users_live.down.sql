DROP INDEX did_users_live
