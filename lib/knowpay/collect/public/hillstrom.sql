CREATE MACRO customers() AS TABLE
SELECT *, printf('row-%05d', rowid + 1) AS user_id
FROM src_Kevin_Hillstrom_MineThatData_E_MailAnalytics_DataMiningChallenge_2008;
-- The file has no dates. It was published on 20 March 2008 and its outcomes are those of two weeks, so the e-mail gets
-- the day two weeks earlier and every outcome the last day of the two weeks.
CREATE MACRO mailed() AS TIMESTAMPTZ '2008-03-06 00:00:00+00';
CREATE MACRO counted() AS TIMESTAMPTZ '2008-03-19 00:00:00+00';

CREATE VIEW touches AS
SELECT user_id AS touch_id, 'e-mail' AS campaign_id, 'e-mail' AS experiment_id, user_id, 'user' AS unit_type,
       mailed() AS assigned_at, 'randomised' AS assignment,
       CASE segment WHEN 'No E-Mail' THEN 'control' ELSE lower(replace(segment, ' ', '-')) END AS variation_id,
       1.0::DOUBLE / 3 AS propensity, 'email' AS channel,
       json_object('recency', recency::INTEGER, 'history_segment', history_segment, 'history', history::DOUBLE,
           'mens', mens::INTEGER, 'womens', womens::INTEGER, 'zip_code', zip_code, 'newbie', newbie::INTEGER,
           'channel', channel, 'assigned_at_known', false) AS properties
FROM customers();

CREATE VIEW events AS
SELECT 'visit-' || user_id AS message_id, 'page_viewed' AS event, counted() AS timestamp, user_id, 'web' AS platform,
       json_object('timestamp_known', false, 'id_derived', true) AS properties
FROM customers() WHERE visit = '1';

CREATE VIEW orders AS
SELECT 'order-' || user_id AS order_id, user_id, counted() AS timestamp, 'paid' AS status,
       'not recorded' AS product_id, spend::DECIMAL(18,2) AS total, 'USD' AS currency,
       json_object('timestamp_known', false) AS properties
FROM customers() WHERE conversion = '1';
