-- The demo's tables. ${DATA} stands for the folder demo/data.

CREATE EXTERNAL TABLE flights STORED AS PARQUET LOCATION '${DATA}/flights-3m.parquet';

CREATE EXTERNAL TABLE airports STORED AS CSV LOCATION '${DATA}/airports.csv' OPTIONS ('format.has_header' 'true');

CREATE EXTERNAL TABLE weather STORED AS CSV LOCATION '${DATA}/weather.csv' OPTIONS ('format.has_header' 'true');

CREATE EXTERNAL TABLE birdstrikes STORED AS CSV LOCATION '${DATA}/birdstrikes.csv' OPTIONS ('format.has_header' 'true');
