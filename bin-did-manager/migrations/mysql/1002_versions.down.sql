DROP TABLE did_versions
