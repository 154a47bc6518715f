-- Days that broke the pattern: mean delay against the seven days before (a window over 182 days)
WITH days AS (
    SELECT CAST(date AS DATE) AS day, avg(delay) AS mean_delay, count(*) AS flights
    FROM flights
    GROUP BY CAST(date AS DATE)
    HAVING count(*) >= 1000
), weeks AS (
    SELECT day, flights, mean_delay,
           avg(mean_delay) OVER (ORDER BY day ROWS BETWEEN 7 PRECEDING AND 1 PRECEDING) AS week_before
    FROM days
)
SELECT day, flights,
       round(mean_delay, 1) AS mean_delay_minutes,
       round(week_before, 1) AS week_before_minutes,
       round(mean_delay - week_before, 1) AS jump_minutes
FROM weeks
WHERE week_before IS NOT NULL
ORDER BY jump_minutes DESC, day
LIMIT 8
