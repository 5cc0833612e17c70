CREATE MACRO school(run) AS split_part(replace(run, 'C_course-v1:', ''), '+', 1);
-- XuetangX goes online: the earliest that anything can have happened; stands for "not known".
CREATE MACRO launch() AS TIMESTAMPTZ '2013-10-10 00:00:00+08';

CREATE VIEW courses AS
SELECT id AS product_id, name, 'course' AS product_type, 'unknown' AS category, school(id) AS brand,
       0.00 AS price, 'CNY' AS currency, launch() AS published_at,
       (SELECT count(*) FROM src_rel_course_video WHERE start_id = id) AS lesson_count,
       json_object('course', school(id) || ' ' || trim(name), 'published_at_known', false) AS properties
FROM src_course;

CREATE VIEW users AS
SELECT start_id AS user_id, coalesce(min(first), launch()) AS created_at,
       json_object('created_at_known', false) AS properties
FROM src_rel_user_course LEFT JOIN (
    SELECT org_user_id, to_timestamp(min("timestamp:float"::BIGINT)) AS first
    FROM src_user_video_timestamped JOIN src_user_video_user_map ON "user_id:token" = new_user_id GROUP BY 1
) ON start_id = org_user_id GROUP BY start_id;

CREATE VIEW memberships AS
SELECT start_id || '|' || end_id AS membership_id, start_id AS user_id, end_id AS plan_id, 1 AS period_no,
       'active' AS status, launch() AS current_period_start,
       TIMESTAMPTZ '2020-07-05 00:00:00+08' AS current_period_end, 'year' AS interval, 0.00 AS price,
       'CNY' AS currency, json_object('dates_known', false) AS properties
FROM src_rel_user_course;

-- A video of two runs counts for the run that the viewer is enrolled in. The same viewer, video and second is the same
-- view sent twice: equal ids, and the door keeps one.
CREATE VIEW events AS
SELECT md5(concat_ws('|', org_user_id, org_video_id, "timestamp:float")) AS message_id,
       'lesson_started' AS event, to_timestamp("timestamp:float"::BIGINT) AS timestamp,
       org_user_id AS user_id, coalesce(own, first) AS product_id, org_video_id AS lesson_id,
       json_object('id_derived', true, 'enrolled', own IS NOT NULL) AS properties
FROM src_user_video_timestamped
JOIN src_user_video_user_map ON "user_id:token" = new_user_id
JOIN src_user_video_video_map ON "item_id:token" = new_video_id
LEFT JOIN (SELECT end_id AS video, min(start_id) AS first FROM src_rel_course_video GROUP BY 1) AS a
    ON a.video = org_video_id
LEFT JOIN (SELECT v.end_id AS video, u.start_id AS viewer, min(v.start_id) AS own
           FROM src_rel_course_video v JOIN src_rel_user_course u ON u.end_id = v.start_id
           GROUP BY 1, 2) AS o
    ON o.video = org_video_id AND o.viewer = org_user_id;
