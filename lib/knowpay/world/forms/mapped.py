"""A company without a tracker: CSV files under Chinese names, milliseconds and fen, and the mapping that says so."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import yaml
from pyarrow import csv

from .lines import flat

COLUMNS = {
    "users": {"user_id": "会员号", "created_at": "注册时间", "channel": "渠道", "province": "省份"},
    "courses": {"product_id": "商品编号", "name": "商品名称", "price": "标价", "published_at": "上架时间"},
    "events": {
        "message_id": "日志号", "event": "行为", "timestamp": "发生时间", "user_id": "会员号", "product_id": "商品编号",
    },
    "orders": {
        "order_id": "订单号", "user_id": "会员号", "timestamp": "支付时间", "status": "状态", "product_id": "商品编号",
        "total": "实付金额", "refund_total": "退款金额", "refunded_at": "退款时间",
    },
}  # fmt: skip
WORDS = {
    "users": {
        "channel": {"paid_search": "搜索推广", "paid_social": "信息流", "referral": "老带新", "organic": "自然流量"}
    },
    "orders": {"status": {"paid": "已支付", "refunded": "已退款", "created": "待支付", "cancelled": "已取消"}},
}


def write(tables: dict[str, pa.Table], folder: Path) -> dict:
    """Write a CSV file for each table and ``mapping.yml``."""
    mapping = {}
    for name, table in tables.items():
        names = {ours: theirs for ours, theirs in COLUMNS[name].items() if ours in table.column_names}
        told = WORDS.get(name, {})
        for column, words in told.items():
            values = pa.array([words.get(v, v) for v in table[column].to_pylist()], pa.string())
            table = table.set_column(table.column_names.index(column), column, values)
        csv.write_csv(flat(table).rename_columns(names), folder / f"{name}_导出.csv")
        mapping[f"{name}_*.csv"] = {
            "table": name, "columns": names, "timestamp_unit": "ms", "money_unit": "fen",
            "values": {c: {theirs: ours for ours, theirs in words.items()} for c, words in told.items()},
        }  # fmt: skip
    (folder / "mapping.yml").write_text(yaml.safe_dump(mapping, sort_keys=False, allow_unicode=True), "utf-8")
    return {"source_format": "mapped"}
