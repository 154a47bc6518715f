-- The busiest routes, both directions together, with names of both ends and the distance
SELECT a.city || ' (' || a.iata || ')' AS one_end,
       b.city || ' (' || b.iata || ')' AS other_end,
       r.flights,
       r.miles,
       r.mean_delay_minutes
FROM (
    SELECT CASE WHEN origin < destination THEN origin ELSE destination END AS one,
           CASE WHEN origin < destination THEN destination ELSE origin END AS other,
           count(*) AS flights,
           max(distance) AS miles,
           round(avg(delay), 1) AS mean_delay_minutes
    FROM flights
    GROUP BY CASE WHEN origin < destination THEN origin ELSE destination END,
             CASE WHEN origin < destination THEN destination ELSE origin END
) r
JOIN airports a ON a.iata = r.one
JOIN airports b ON b.iata = r.other
ORDER BY r.flights DESC, a.iata, b.iata
LIMIT 10
