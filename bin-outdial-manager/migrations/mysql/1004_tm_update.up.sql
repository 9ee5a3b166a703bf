UPDATE outdial_outdialtargets SET tm_update = tm_create WHERE tm_update IS NULL
