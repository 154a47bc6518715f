-- Where do flights leave latest? Airports with at least 10,000 departures, names joined in
SELECT a.iata,
       a.city || ', ' || a.state AS place,
       count(*) AS departures,
       round(avg(f.delay), 2) AS mean_delay_minutes,
       round(100.0 * sum(CASE WHEN f.delay >= 15 THEN 1 ELSE 0 END) / count(*), 1) AS late_percent
FROM flights f
JOIN airports a ON a.iata = f.origin
GROUP BY a.iata, a.city, a.state
HAVING count(*) >= 10000
ORDER BY mean_delay_minutes DESC, a.iata
LIMIT 10
