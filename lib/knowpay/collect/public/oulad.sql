-- Presentations B start in February, J in October; every day in OULAD counts from the start, which is day 0.
CREATE MACRO on_day(presentation, n) AS (CASE presentation
    WHEN '2013B' THEN DATE '2013-02-01' WHEN '2013J' THEN DATE '2013-10-01'
    WHEN '2014B' THEN DATE '2014-02-01' WHEN '2014J' THEN DATE '2014-10-01' END + CAST(n AS INTEGER)
    )::TIMESTAMP AT TIME ZONE 'Europe/London';
CREATE MACRO product(module, presentation) AS module || '-' || presentation;

CREATE VIEW courses AS
SELECT product(code_module, code_presentation) AS product_id, product_id AS name, 'course' AS product_type,
       code_module AS category, 0.00 AS price, 'GBP' AS currency, on_day(code_presentation, 0) AS published_at,
       json_object('code_module', code_module, 'code_presentation', code_presentation,
           'module_presentation_length', CAST(module_presentation_length AS INTEGER)) AS properties
FROM src_courses;

-- A person's latest enrolment describes the person; what changes between enrolments is with the enrolment.
CREATE VIEW users AS
SELECT id_student AS user_id,
       min(on_day(code_presentation, coalesce(date_registration, '0'))) AS created_at,
       arg_max(region, latest) AS province, arg_max(age_band, latest) AS age_band, arg_max(gender, latest) AS gender
FROM (SELECT *, code_presentation || code_module AS latest FROM src_studentInfo
      JOIN src_studentRegistration USING (code_module, code_presentation, id_student))
GROUP BY id_student;

CREATE VIEW memberships AS
SELECT product(code_module, code_presentation) || '-' || id_student AS membership_id, id_student AS user_id,
       product(code_module, code_presentation) AS plan_id, 1 AS period_no,
       CASE WHEN final_result = 'Withdrawn' THEN 'canceled' ELSE 'expired' END AS status,
       on_day(code_presentation, 0) AS current_period_start,
       on_day(code_presentation, module_presentation_length) AS current_period_end,
       'year' AS interval, 0.00 AS price, 'GBP' AS currency,
       on_day(code_presentation, date_unregistration) AS canceled_at,
       CASE WHEN final_result = 'Withdrawn' THEN canceled_at ELSE current_period_end END AS ended_at,
       CASE WHEN final_result = 'Withdrawn' THEN 'unknown' END AS cancel_reason,
       json_object('code_module', code_module, 'code_presentation', code_presentation,
           'gender', gender, 'region', region, 'highest_education', highest_education,
           'imd_band', imd_band, 'age_band', age_band,
           'num_of_prev_attempts', CAST(num_of_prev_attempts AS INTEGER),
           'studied_credits', CAST(studied_credits AS INTEGER), 'disability', disability,
           'final_result', final_result, 'date_registration', CAST(date_registration AS INTEGER),
           'date_unregistration', CAST(date_unregistration AS INTEGER),
           'module_presentation_length', CAST(module_presentation_length AS INTEGER)) AS properties
FROM src_studentInfo JOIN src_studentRegistration USING (code_module, code_presentation, id_student)
JOIN src_courses USING (code_module, code_presentation);

CREATE VIEW events AS
SELECT 'assessment-' || id_assessment || '-' || id_student AS message_id, 'lesson_completed' AS event,
       on_day(code_presentation, date_submitted) AS timestamp, id_student AS user_id,
       product(code_module, code_presentation) AS product_id, id_assessment AS lesson_id,
       CAST(score AS DOUBLE) / 100 AS score_scaled, 'web' AS platform,
       json_object('day', CAST(date_submitted AS INTEGER), 'assessment_type', assessment_type,
           'due_day', CAST(date AS INTEGER), 'weight', CAST(weight AS DOUBLE), 'is_banked', is_banked = '1')
           AS properties
FROM src_studentAssessment JOIN src_assessments USING (id_assessment);

-- The click table repeats rows without saying why. All are kept: equal rows are numbered, and the number is in the id.
CREATE VIEW "events-clicks" AS
SELECT md5(concat_ws('|', code_module, code_presentation, id_student, id_site, date, sum_click,
           row_number() OVER (PARTITION BY code_module, code_presentation, id_student, id_site, date, sum_click)
       )) AS message_id, 'page_viewed' AS event, on_day(code_presentation, date) AS timestamp,
       id_student AS user_id, product(code_module, code_presentation) AS product_id, 'web' AS platform,
       json_object('day', CAST(date AS INTEGER), 'clicks', CAST(sum_click AS INTEGER), 'site', id_site,
           'activity', activity_type, 'id_derived', true) AS properties
FROM src_studentVle LEFT JOIN src_vle USING (id_site, code_module, code_presentation);
