-- What birds cost: strikes by species, with repair cost and the share that did damage (CSV)
SELECT "Wildlife Species" AS species,
       count(*) AS strikes,
       sum("Cost Total $") AS cost_dollars,
       round(100.0 * sum(CASE WHEN "Effect Amount of damage" <> 'None' THEN 1 ELSE 0 END) / count(*), 1) AS damaged_percent,
       round(avg("Speed IAS in knots"), 0) AS mean_knots
FROM birdstrikes
GROUP BY "Wildlife Species"
HAVING count(*) >= 30
ORDER BY cost_dollars DESC, species
LIMIT 8
