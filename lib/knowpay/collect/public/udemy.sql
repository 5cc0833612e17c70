CREATE VIEW courses AS
SELECT course_id AS product_id, course_title AS name, 'course' AS product_type, subject AS category,
       CAST(price AS DECIMAL(18, 2)) AS price, 'USD' AS currency, CAST(num_lectures AS BIGINT) AS lesson_count,
       CAST(content_duration AS DOUBLE) * 3600 AS duration_seconds, level,
       CAST(published_timestamp AS TIMESTAMPTZ) AS published_at,
       json_object('is_paid', is_paid = 'True', 'subscribers', CAST(num_subscribers AS BIGINT),
           'reviews', CAST(num_reviews AS BIGINT)) AS properties
FROM src_udemy_courses;
