-- Fields of the master: person, day, CDs, dollars; of the sample: person, number in the sample, and the same.
CREATE VIEW orders AS
SELECT printf('purchase-%05d', m.rowid + 1) AS order_id, m.f[1] AS user_id,
       strptime(m.f[2], '%Y%m%d') AT TIME ZONE 'America/New_York' AS timestamp, 'paid' AS status,
       'cd' AS product_id, m.f[4]::DECIMAL(18,2) AS total, 'USD' AS currency,
       json_object('cds', m.f[3]::INTEGER, 'sample', s.id, 'order_id_derived', true) AS properties
FROM src_CDNOW_master AS m
LEFT JOIN (SELECT DISTINCT f[1] AS user_id, f[2] AS id FROM src_CDNOW_sample) AS s ON m.f[1] = s.user_id;
