-- Delay builds up through the day: median, 90th and 99th percentile by hour of departure
SELECT CAST(date_part('hour', date) AS BIGINT) AS hour,
       count(*) AS flights,
       round(percentile_cont(0.5) WITHIN GROUP (ORDER BY CAST(delay AS DOUBLE)), 1) AS median_minutes,
       round(percentile_cont(0.9) WITHIN GROUP (ORDER BY CAST(delay AS DOUBLE)), 1) AS p90_minutes,
       round(percentile_cont(0.99) WITHIN GROUP (ORDER BY CAST(delay AS DOUBLE)), 1) AS p99_minutes
FROM flights
GROUP BY date_part('hour', date)
HAVING count(*) >= 1000
ORDER BY hour
