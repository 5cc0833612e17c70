-- Day and month are given, the year is not; but the rows are in order of time from May 2008. So each step back in the
-- calendar is a new year.
CREATE MACRO contacts() AS TABLE
SELECT *, printf('row-%05d', n) AS row,
       make_date(2008 + year::BIGINT, month_no, day::BIGINT)::TIMESTAMP AT TIME ZONE 'Europe/Lisbon' AS called_at
FROM (SELECT *, count_if(coalesce(month_no * 100 + day::INTEGER < before, false)) OVER (ORDER BY n) AS year
      FROM (SELECT *, lag(month_no * 100 + day::INTEGER) OVER (ORDER BY n) AS before
            FROM (SELECT *, rowid + 1 AS n, month(strptime(month, '%b')) AS month_no FROM src_bank_full)));

CREATE VIEW touches AS
SELECT row AS touch_id, 'term deposit' AS campaign_id, row AS anonymous_id, called_at AS assigned_at,
       'unknown' AS assignment, 'called' AS variation_id, 'telephone' AS channel, called_at AS exposed_at,
       json_object('age', age::INTEGER, 'job', job, 'marital', marital, 'education', education,
           'default', "default", 'balance', balance::INTEGER, 'housing', housing, 'loan', loan,
           'contact', contact, 'calls', campaign::INTEGER, 'pdays', nullif(pdays::INTEGER, -1),
           'previous', previous::INTEGER, 'poutcome', poutcome, 'duration', duration::INTEGER,
           'subscribed', y = 'yes', 'year_derived', true) AS properties
FROM contacts();

CREATE VIEW events AS
SELECT 'subscribed-' || row AS message_id, 'order_completed' AS event, called_at AS timestamp, row AS anonymous_id,
       json_object('product', 'term deposit', 'timestamp_known', false, 'id_derived', true) AS properties
FROM contacts() WHERE y = 'yes';
