DROP TABLE did_states
