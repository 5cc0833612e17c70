-- Every row of a log is one item at one place, drawn by the policy; the columns of affinity are in the order of the items.
CREATE MACRO logged(log, policy, campaign) AS TABLE
SELECT policy || '-' || campaign || '-' || n AS touch_id, campaign || '-' || policy AS campaign_id,
       campaign AS experiment_id, 'row-' || policy || '-' || campaign || '-' || n AS anonymous_id,
       "timestamp"::TIMESTAMPTZ AS assigned_at, 'randomised' AS assignment, 'item-' || item_id AS variation_id,
       propensity_score::DOUBLE AS propensity, 'position-' || position AS stratum, assigned_at AS exposed_at,
       CASE WHEN click = '1' THEN assigned_at END AS clicked_at,
       json_object('affinity', affinities[item_id::INTEGER + 1]::DOUBLE,
           'user_feature_0', user_feature_0, 'user_feature_1', user_feature_1,
           'user_feature_2', user_feature_2, 'user_feature_3', user_feature_3,
           'clicked_at_known', false) AS properties
FROM (SELECT *, row_number() OVER () - 1 AS n, list_value(*COLUMNS('user-item_affinity_.*')) AS affinities
      FROM query_table(log));

CREATE VIEW "touches-random-men" AS FROM logged('src_random_men', 'random', 'men');
CREATE VIEW "touches-random-women" AS FROM logged('src_random_women', 'random', 'women');
CREATE VIEW "touches-bts-men" AS FROM logged('src_bts_men', 'bts', 'men');
CREATE VIEW "touches-bts-women" AS FROM logged('src_bts_women', 'bts', 'women');
