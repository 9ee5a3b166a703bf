DROP TABLE did_customers
