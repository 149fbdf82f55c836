-- The coupons that were redeemed another number of times than they count.
SELECT c.code, c.redemptions, count(e.seq) AS entries
FROM coupon c LEFT JOIN entry e ON e.kind = 'coupon' AND e.ref = c.code
GROUP BY c.code, c.redemptions HAVING c.redemptions <> count(e.seq) ORDER BY c.code
