-- Does it rain more in Seattle? Wet days and rain by quarter of the year, beside New York (CSV)
SELECT CAST(date_part('quarter', date) AS BIGINT) AS quarter,
       round(100.0 * sum(CASE WHEN location = 'Seattle' AND precipitation > 0 THEN 1 ELSE 0 END)
             / sum(CASE WHEN location = 'Seattle' THEN 1 ELSE 0 END), 0) AS seattle_wet_days_percent,
       round(100.0 * sum(CASE WHEN location = 'New York' AND precipitation > 0 THEN 1 ELSE 0 END)
             / sum(CASE WHEN location = 'New York' THEN 1 ELSE 0 END), 0) AS new_york_wet_days_percent,
       round(sum(CASE WHEN location = 'Seattle' THEN precipitation ELSE 0 END) / 4, 0) AS seattle_mm_a_year,
       round(sum(CASE WHEN location = 'New York' THEN precipitation ELSE 0 END) / 4, 0) AS new_york_mm_a_year
FROM weather
GROUP BY date_part('quarter', date)
ORDER BY quarter
