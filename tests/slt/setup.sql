-- The datasets that all SQL files share. $DATA is tests/slt/data, $DEMO is demo/data.
CREATE EXTERNAL TABLE employees (
    id BIGINT, name VARCHAR, department_id BIGINT, manager_id BIGINT, salary DECIMAL(10, 2), hired DATE
) STORED AS CSV LOCATION '$DATA/employees.csv' OPTIONS ('format.has_header' 'true');
CREATE EXTERNAL TABLE departments (id BIGINT, name VARCHAR, city VARCHAR)
STORED AS CSV LOCATION '$DATA/departments.csv' OPTIONS ('format.has_header' 'true');
CREATE EXTERNAL TABLE numbers STORED AS PARQUET LOCATION '$DATA/parts/';
CREATE EXTERNAL TABLE typed STORED AS PARQUET LOCATION '$DATA/typed.parquet';
CREATE EXTERNAL TABLE nested STORED AS PARQUET LOCATION '$DATA/nested.parquet';
CREATE EXTERNAL TABLE sales STORED AS PARQUET PARTITIONED BY (year, month) LOCATION '$DATA/sales/';
CREATE EXTERNAL TABLE flights STORED AS PARQUET LOCATION '$DEMO/flights-3m.parquet';
CREATE EXTERNAL TABLE airports STORED AS CSV LOCATION '$DEMO/airports.csv' OPTIONS ('format.has_header' 'true');
CREATE EXTERNAL TABLE weather STORED AS CSV LOCATION '$DEMO/weather.csv' OPTIONS ('format.has_header' 'true');
CREATE EXTERNAL TABLE birdstrikes STORED AS CSV LOCATION '$DEMO/birdstrikes.csv' OPTIONS ('format.has_header' 'true');
