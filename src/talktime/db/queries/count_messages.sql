-- How many messages wait, are on their way, and were given up.
SELECT m.state, count(*)
FROM message m
WHERE m.state IN ('waiting', 'deferred', 'dead')
GROUP BY m.state
