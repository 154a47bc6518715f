-- The worst days to fly: share of flights more than an hour late
SELECT CAST(date AS DATE) AS day,
       count(*) AS flights,
       round(avg(delay), 1) AS mean_delay_minutes,
       round(100.0 * sum(CASE WHEN delay > 60 THEN 1 ELSE 0 END) / count(*), 1) AS over_an_hour_percent
FROM flights
GROUP BY CAST(date AS DATE)
HAVING count(*) >= 1000
ORDER BY over_an_hour_percent DESC, day
LIMIT 10
