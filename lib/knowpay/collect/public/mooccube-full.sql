-- The same form as mooccubex.sql, but for what a course knows and the last day.
CREATE MACRO launch() AS TIMESTAMPTZ '2013-10-10 00:00:00+08'; -- XuetangX goes online; stands for "not known"
CREATE MACRO course(id) AS CASE WHEN starts_with(id, 'C_') THEN id ELSE 'C_' || id END;

CREATE VIEW courses AS
SELECT id AS product_id, name, 'course' AS product_type, len(video_order) AS lesson_count,
       'unknown' AS category, 0.00 AS price, 'CNY' AS currency,
       launch() AS published_at, json_object('published_at_known', false) AS properties
FROM src_course;

CREATE VIEW users AS
SELECT id AS user_id, gender,
       coalesce(list_min(list_transform(enroll_time, lambda t: TRY_CAST(t AS TIMESTAMPTZ))), launch()) AS created_at,
       json_object('created_at_known', false) AS properties
FROM src_user;

CREATE VIEW memberships AS
SELECT concat_ws('|', id, plan, row_number() OVER (PARTITION BY id, plan ORDER BY enrolled)) AS membership_id,
       id AS user_id, plan AS plan_id, 1 AS period_no, 'active' AS status,
       CAST(enrolled AS TIMESTAMPTZ) AS current_period_start,
       TIMESTAMPTZ '2020-07-05 00:00:00+08' AS current_period_end, 'year' AS interval, 0.00 AS price,
       'CNY' AS currency, json_object('end_known', false) AS properties
FROM (SELECT id, course(unnest(course_order)) AS plan, unnest(enroll_time) AS enrolled FROM src_user);
