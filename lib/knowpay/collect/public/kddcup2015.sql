CREATE MACRO day(text) AS CAST(CAST(text AS DATE) AS TIMESTAMPTZ);
CREATE MACRO after(text) AS CAST(CAST(text AS DATE) + 1 AS TIMESTAMPTZ);

CREATE VIEW courses AS
SELECT course_id AS product_id, course_id AS name, 'course' AS product_type, 'unknown' AS category,
       0.00 AS price, 'CNY' AS currency, day("from") AS published_at, after("to") AS retired_at,
       (SELECT count(DISTINCT module_id) FROM src_object o
        WHERE o.course_id = d.course_id AND category = 'video') AS lesson_count
FROM src_date d;

CREATE VIEW users AS
SELECT username AS user_id, least(min(CAST(time AS TIMESTAMPTZ)), min(day("from"))) AS created_at,
       json_object('created_at_known', false) AS properties
FROM src_enrollment_train JOIN src_date USING (course_id) LEFT JOIN src_log_train USING (enrollment_id)
GROUP BY username;

-- Nobody cancels: the label says that the ten days after the course's window have no event.
CREATE VIEW memberships AS
SELECT enrollment_id AS membership_id, username AS user_id, course_id AS plan_id, 1 AS period_no,
       CASE WHEN dropout = '1' THEN 'canceled' ELSE 'expired' END AS status,
       day("from") AS current_period_start, after("to") AS current_period_end, 'month' AS interval,
       0.00 AS price, 'CNY' AS currency, CASE WHEN dropout = '1' THEN 'unknown' END AS cancel_reason,
       json_object('dropout', dropout = '1') AS properties
FROM src_enrollment_train JOIN src_truth_train USING (enrollment_id) JOIN src_date USING (course_id);

-- The log has no ids and may repeat a row within a second: equal rows are numbered, the number is in the id.
CREATE VIEW events AS
SELECT md5(concat_ws('|', enrollment_id, time, source, event, object,
           row_number() OVER (PARTITION BY enrollment_id, time, source, event, object))) AS message_id,
       CASE event WHEN 'video' THEN 'lesson_started' WHEN 'page_close' THEN 'page_closed'
            ELSE 'page_viewed' END AS event,
       CAST(time AS TIMESTAMPTZ) AS timestamp, username AS user_id, course_id AS product_id, object AS lesson_id,
       CASE source WHEN 'server' THEN 'server' ELSE 'web' END AS platform,
       json_object('kind', event, 'category', category, 'enrollment_id', enrollment_id, 'id_derived', true)
           AS properties
FROM src_log_train JOIN src_enrollment_train USING (enrollment_id)
LEFT JOIN (SELECT module_id, min(category) AS category FROM src_object GROUP BY 1) ON module_id = object;
