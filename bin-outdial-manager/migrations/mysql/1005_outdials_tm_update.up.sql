UPDATE outdial_outdials SET tm_update = tm_create WHERE tm_update IS NULL
