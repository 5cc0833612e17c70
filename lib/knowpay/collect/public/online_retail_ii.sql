CREATE MACRO london(t) AS CAST(t AS TIMESTAMP) AT TIME ZONE 'Europe/London';

-- Which sale a cancellation takes back is not given. It is kept as an order on which nothing was paid; its amount is in
-- `revenue`, so that the sum of revenue over all orders is the sum over all lines.
CREATE VIEW orders AS
SELECT Invoice AS order_id, any_value("Customer ID") AS user_id, london(min(InvoiceDate)) AS timestamp,
       CASE WHEN Invoice LIKE 'C%' THEN 'cancelled' ELSE 'paid' END AS status,
       sum(Quantity::INTEGER * Price::DECIMAL(18,4))::DECIMAL(18,2) AS revenue,
       CASE WHEN Invoice LIKE 'C%' THEN 0.00 ELSE revenue END AS total, 'GBP' AS currency,
       json_object('country', any_value(Country), 'lines', count(*)) AS properties
FROM src_online_retail_ii_2009_2010 GROUP BY Invoice;

CREATE VIEW order_items AS
SELECT Invoice AS order_id, row_number() OVER (PARTITION BY Invoice ORDER BY rowid) AS line_no,
       StockCode AS product_id, Price::DECIMAL(18,4)::DECIMAL(18,2) AS price, Quantity::INTEGER AS quantity,
       json_object('description', trim(Description)) AS properties
FROM src_online_retail_ii_2009_2010;
