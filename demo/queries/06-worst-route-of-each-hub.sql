-- The least punctual route out of each of the eight largest airports (a rank in a window)
WITH routes AS (
    SELECT origin, destination, count(*) AS flights, avg(delay) AS mean_delay
    FROM flights
    GROUP BY origin, destination
    HAVING count(*) >= 500
), ranked AS (
    SELECT origin, destination, flights, mean_delay,
           row_number() OVER (PARTITION BY origin ORDER BY mean_delay DESC, destination) AS place
    FROM routes
), hubs AS (
    SELECT origin, count(*) AS departures
    FROM flights
    GROUP BY origin
    ORDER BY departures DESC, origin
    LIMIT 8
)
SELECT o.name AS hub,
       h.departures,
       d.city || ', ' || d.state AS destination,
       r.flights,
       round(r.mean_delay, 1) AS mean_delay_minutes
FROM hubs h
JOIN ranked r ON r.origin = h.origin AND r.place = 1
JOIN airports o ON o.iata = h.origin
JOIN airports d ON d.iata = r.destination
ORDER BY h.departures DESC, h.origin
