CREATE VIEW courses AS
SELECT course_id AS product_id, min(name) AS name, 'course' AS product_type, 'unknown' AS category,
       min(institution) AS brand, 0.00 AS price, 'USD' AS currency,
       TIMESTAMPTZ '2012-04-18 00:00:00+00' AS published_at,
       json_object('price_known', false, 'published_at_known', false) AS properties
FROM src_Coursera_courses GROUP BY course_id;

-- A reviewer is a name that many share, not an id: user_id stays empty, and the name is not read.
CREATE VIEW reviews AS
SELECT md5(concat_ws('|', course_id, date_reviews, rating, reviews,
           row_number() OVER (PARTITION BY course_id, date_reviews, rating, reviews))) AS review_id,
       CAST(coalesce(try_strptime(date_reviews, '%b %d, %Y'), try_strptime(date_reviews, '%Y-%m-%d'))
           AS TIMESTAMPTZ) AS timestamp,
       course_id AS product_id, 'review' AS kind, TRY_CAST(rating AS DOUBLE) AS rating, reviews AS review_body
FROM src_Coursera_reviews;
