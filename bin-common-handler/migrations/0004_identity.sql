CREATE TABLE IF NOT EXISTS {name}_identity (
    one INT NOT NULL PRIMARY KEY,
    id {uuid} NOT NULL
);

-- down
DROP TABLE IF EXISTS {name}_identity;
