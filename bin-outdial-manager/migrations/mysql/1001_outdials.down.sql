-- The table and its rows stay: it may have been there before us.
SELECT 1
