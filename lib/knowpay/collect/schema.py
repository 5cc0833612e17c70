"""The canonical tables, declared once.

Ingest, the dictionary page and the tests all read this declaration. Names follow Segment's warehouse
(snake_case: `user_id`, `message_id`, `received_at`), learning verbs follow xAPI. Money is in major units
(yuan) with two decimals, times are UTC, durations are seconds, rates lie between 0 and 1.
"""

from dataclasses import dataclass

# Column type -> type in the canonical Parquet files.
SQL_TYPES = {
    "str": "VARCHAR",
    "ts": "TIMESTAMP WITH TIME ZONE",
    "date": "DATE",
    "dec": "DECIMAL(18,2)",
    "int": "BIGINT",
    "float": "DOUBLE",
    "bool": "BOOLEAN",
    "json": "VARCHAR",
    "list": "VARCHAR[]",
}
TYPE_WORDS = {
    "str": "text",
    "ts": "time with zone (UTC)",
    "date": "date",
    "dec": "money (2 decimals)",
    "int": "whole number",
    "float": "number",
    "bool": "true / false",
    "json": "JSON text",
    "list": "list of text",
}

# How exports write yes and no, and consent: in any letter case, with blanks around. A word that is not here waits.
BOOLEANS = {
    "true": ("true", "t", "yes", "y", "1", "1.0", "是", "真"),
    "false": ("false", "f", "no", "n", "0", "0.0", "否", "假"),
}
CONSENT = {
    "granted": (
        *("granted", "grant", "allowed", "agreed", "accepted", "opt_in", "opt-in", "opted_in"),
        *("同意", "已同意", "允许", "授权", "已授权", *BOOLEANS["true"]),
    ),
    "denied": (
        *("denied", "deny", "refused", "rejected", "declined", "withdrawn", "revoked", "opt_out", "opt-out"),
        *("opted_out", "拒绝", "已拒绝", "不同意", "不允许", "未授权", "撤回", "已撤回", *BOOLEANS["false"]),
    ),
    "unknown": ("unknown", "unset", "not_set", "未知", "未设置"),
}

# What can become of a row of an export; the four add up to the rows that came.
FATES = ("loaded", "duplicate", "superseded", "quarantined")
# Columns of the quarantine, a row for each error; `status` is waiting, or fixed once a replay let the row in.
QUARANTINE = {
    "table": "str",
    "source_file": "str",
    "source_row": "int",
    "rule": "str",
    "column": "str",
    "value": "str",
    "message": "str",
    "raw_json": "str",
    "batch_id": "str",
    "first_seen_at": "ts",
    "status": "str",
    "_user_id": "str",  # whose row it is, as far as it says; the data set shows it as `waiting_users` only
}

# Orders that were paid; what was given back is in refund_total. `created` waits for payment, `cancelled` never came.
PAID, UNPAID = ("paid", "partially_refunded", "refunded"), ("created", "cancelled")

# ISO 4217, active national currencies.
CURRENCIES = frozenset(
    """AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD
    CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ
    GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR
    LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN
    PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB
    TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW
    ZWG""".split()  # noqa: SIM905 - a list of one name a line would hide the table below it
)

EVENTS = tuple(
    """page_viewed signed_up logged_in product_list_viewed products_searched product_viewed product_added
    product_added_to_wishlist checkout_started coupon_applied order_completed order_refunded trial_started
    lesson_started lesson_progressed lesson_completed course_completed product_shared points_earned
    points_spent""".split()  # noqa: SIM905 - a list of one name a line would hide the table below it
)

INTEREST = ("product_viewed", "product_added", "product_added_to_wishlist", "lesson_started")  # in a course


@dataclass(frozen=True)
class Column:
    """One canonical column.

    Args:
        name: snake_case name.
        type: a key of `SQL_TYPES`.
        meaning: one line for the dictionary.
        required: a row without a value goes to quarantine.
        enum: the allowed values; empty = any.
        minimum, maximum: inclusive bounds of a number.
        future: a time that may lie after the extraction (a period's end), or is kept only to diagnose clocks.
        default: SQL literal that stands in for a missing value.
        free_text: people write it: phone numbers and the like are replaced by tags on the way in.
        spellings: what exports write for each of the allowed values; any other word stays and is not allowed.
    """

    name: str
    type: str = "str"
    meaning: str = ""
    required: bool = False
    enum: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    future: bool = False
    default: str | None = None
    free_text: bool = False
    spellings: dict[str, tuple[str, ...]] | None = None


@dataclass(frozen=True)
class Rule:
    """A check over several columns of a row.

    Args:
        id: the stable rule id written to the quarantine.
        column: the column that the report names.
        when: SQL over canonical columns, true for a bad row. It may use the views `catalogue` (loaded courses),
            `baskets` (of the lines of each order: sum of list prices, of prices), `paid` (loaded orders, before
            discounts) and `user_ids` (all ids in the users files), and the variable `has_order_items`.
        message: one sentence with the remedy; `{value}` is filled in.
    """

    id: str
    column: str
    when: str
    message: str


@dataclass(frozen=True)
class Table:
    """One canonical table: `key` identifies a row, `order` sorts the stored file.

    `delivery` names the columns that say how a row arrived, not what it says: two rows that differ only there
    are the same row sent twice. Between different contents the later wins: by the column `newest` where there is one,
    else as `ingest.later` says. Of the `guarded` columns the strictest value holds until a time says it is over. `day`
    is the time whose local date says in which file of the store a row lies; a table without it is one file. `reads`
    names the tables that its rules look into.
    """

    name: str
    meaning: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    order: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()
    delivery: tuple[str, ...] = ()
    newest: str | None = None
    guarded: tuple[str, ...] = ()
    day: str | None = None
    reads: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        extra = Column("properties", "json", "what the source sent and no other column holds")
        object.__setattr__(self, "columns", (*self.columns, extra))

    @property
    def names(self) -> list[str]:
        """Column names in stored order, `properties` last."""
        return [c.name for c in self.columns]

    def column(self, name: str) -> Column:
        """The column called `name`; KeyError when there is none."""
        return {c.name: c for c in self.columns}[name]


C = Column


def _key(name: str, meaning: str) -> Column:
    return C(name, "str", meaning, required=True)


def _time(name: str, meaning: str, required: bool = False, future: bool = False) -> Column:
    return C(name, "ts", meaning, required=required, future=future)


def _money(name: str, meaning: str, required: bool = False) -> Column:
    return C(name, "dec", meaning, required=required, minimum=0)


def _enum(name: str, values: str, meaning: str, required: bool = False) -> Column:
    return C(name, "str", meaning, required=required, enum=tuple(values.split()))


def _consent(name: str, meaning: str) -> Column:
    return C(name, "str", meaning, enum=tuple(CONSENT), spellings=CONSENT)


def _currency(required: bool) -> Column:
    return C("currency", "str", "ISO 4217 code, the one of the manifest", required=required)


_SOMEBODY = Rule(
    "missing_value",
    "user_id",
    "user_id IS NULL AND anonymous_id IS NULL",
    "Neither user_id nor anonymous_id is given. Send at least one of them.",
)
# What a row of `r` should cost, in SQL over the views of `Rule`: NULL where nothing says it.
_PRICE = "(SELECT price FROM catalogue c WHERE c.product_id = r.{} AND price > 0)"
_BASKET = "(SELECT {} FROM baskets b WHERE b.order_id = r.order_id)"
CATALOGUED = {
    "orders": f"coalesce({_BASKET.format('listed')}, {_PRICE.format('product_id')})",
    "order_items": _PRICE.format("product_id"),
    "memberships": _PRICE.format("plan_id"),
}
LISTED = CATALOGUED | {
    "orders": f"coalesce({CATALOGUED['orders']}, {_BASKET.format('asked')})",
    "memberships": f"coalesce({CATALOGUED['memberships']}, (SELECT price FROM paid p WHERE p.order_id = r.order_id))",
}


def _far_above(table: str) -> Rule:
    """One price that no discount explains. One far below may be an offer: `ingest.money` judges a file of them."""
    return Rule("money_unit", "price", f"price >= 20 * {LISTED[table]}", _OFF)


_OFF = (
    "{value} is about 100 times off the list price. Is it in fen and the list price in yuan? "
    "Send both in the manifest's money_unit."
)
_ABOUT_A_PRODUCT = """('product_viewed', 'product_added', 'product_added_to_wishlist', 'product_shared',
    'lesson_started', 'lesson_progressed', 'lesson_completed', 'course_completed')"""

_TABLES = (
    Table(
        "users",
        "One row per business user.",
        ("user_id",),
        (
            _key("user_id", "business login id, pseudonymised; never a phone number"),
            _time("created_at", "registration", required=True),
            C("anonymous_id", meaning="latest device or cookie id; the history is in identity_map"),
            C("utm_source", meaning="first touch: source"),
            C("utm_medium", meaning="first touch: medium"),
            C("utm_campaign", meaning="first touch: campaign"),
            C("utm_term", meaning="first touch: search term"),
            C("utm_content", meaning="first touch: variant of the advertisement"),
            _enum(
                "channel",
                "paid_search paid_social organic referral wechat_official mini_program group offline app_store "
                "direct unknown",
                "channel of acquisition",
            ),
            C("referrer_user_id", meaning="inviter; must be a user of the export"),
            C("country", meaning="coarse only"),
            C("province", meaning="coarse only"),
            C("city", meaning="coarse only"),
            C("age_band", meaning="banded; a date of birth is not accepted"),
            C("gender", meaning="as the source declares it"),
            C("occupation_band", meaning="banded"),
            C("device_os", meaning="operating system of the latest device"),
            C("app_version", meaning="version of the latest app"),
            C("is_test", "bool", "test account, excluded by default", default="false"),
            C("is_staff", "bool", "staff account, excluded by default", default="false"),
            C("is_bot", "bool", "machine, excluded by default", default="false"),
            _consent("consent_analytics", "consent to analysis; yes, TRUE, 同意 are granted, no, 0, 拒绝 denied"),
            _consent("consent_marketing", "consent to marketing; spelt likewise"),
            C(
                "personalization_opt_out",
                "bool",
                "never in a target list when true (PIPL 24, GDPR 21)",
                default="false",
            ),
            C("under_14", "bool", "excluded when true (PIPL 28)", default="false"),
            _time("deleted_at", "the user asked to be erased"),
        ),
        rules=(
            Rule(
                "unknown_reference",
                "referrer_user_id",
                "referrer_user_id IS NOT NULL AND referrer_user_id NOT IN (SELECT user_id FROM user_ids)",
                "'{value}' invited this user but is no user of the export. Add the inviter, or leave it empty.",
            ),
        ),
        guarded=("consent_analytics", "consent_marketing", "personalization_opt_out", "under_14", "deleted_at"),
        reads=("users",),
    ),
    Table(
        "courses",
        "The product catalogue.",
        ("product_id",),
        (
            _key("product_id", "id of the course or other product"),
            C("name", meaning="title as the shop shows it", required=True),
            _enum(
                "product_type",
                "course column audiobook ebook live camp membership bundle coaching",
                "kind of product; camp = 训练营",
                required=True,
            ),
            C("category", meaning="shelf of the shop", required=True),
            C("brand", meaning="instructor or IP id"),
            _money("price", "list price", required=True),
            _currency(required=True),
            C("lesson_count", "int", "number of lessons", minimum=0),
            C("duration_seconds", "float", "length of the whole course", minimum=0),
            C("level", meaning="level of difficulty"),
            C("tags", "list", "tags; in a CSV file separated by |"),
            _time("published_at", "start of sale", required=True, future=True),
            _time("retired_at", "end of sale", future=True),
        ),
    ),
    Table(
        "events",
        "One row per behaviour.",
        ("message_id",),
        (
            _key("message_id", "id of the message; derived by sha256 when the source has none"),
            C("event", meaning="what happened; names outside the vocabulary are kept and counted", required=True),
            _time("timestamp", "when it happened, corrected for a wrong device clock", required=True),
            _time("received_at", "when the server received it"),
            _time("original_timestamp", "device clock when it happened", future=True),
            _time("sent_at", "device clock when it was sent", future=True),
            C("user_id", meaning="who; user_id or anonymous_id is required"),
            C("anonymous_id", meaning="device or cookie id"),
            C("session_id", meaning="visit"),
            C("product_id", meaning="course; required on product_viewed, product_added… and lesson events"),
            C("lesson_id", meaning="lesson; required on lesson events"),
            C("progress", "float", "share of the course done", minimum=0, maximum=1),
            C("duration_seconds", "float", "active seconds since the last event", minimum=0),
            C("score_scaled", "float", "xAPI result.score.scaled", minimum=-1, maximum=1),
            _enum("platform", "web ios android wechat_mp h5 server", "where it happened"),
            C("page_path", meaning="path without query string"),
            C("referrer", meaning="referring page without query string"),
            C("search_query", meaning="what was searched", free_text=True),
            C("experiment_id", meaning="experiment seen"),
            C("variation_id", meaning="arm seen"),
            _enum("user_agent_class", "human bot unknown", "class of the user agent"),
        ),
        order=("timestamp", "message_id"),
        delivery=("received_at", "sent_at"),
        newest="received_at",
        day="timestamp",
        rules=(
            _SOMEBODY,
            Rule(
                "missing_value",
                "product_id",
                f"product_id IS NULL AND event IN {_ABOUT_A_PRODUCT}",
                "This event is about a course but names none. Send product_id with it.",
            ),
            Rule(
                "missing_value",
                "lesson_id",
                "lesson_id IS NULL AND event IN ('lesson_started', 'lesson_progressed', 'lesson_completed')",
                "This event is about a lesson but names none. Send lesson_id with it.",
            ),
        ),
    ),
    Table(
        "orders",
        "One row per order (header). Money is read from here only.",
        ("order_id",),
        (
            _key("order_id", "id of the payment system"),
            _key("user_id", "buyer"),
            _time("timestamp", "when it was paid", required=True),
            _time("created_at", "when it was placed"),
            _enum("status", "created paid partially_refunded refunded cancelled", "state", required=True),
            _enum("order_type", "first repeat renewal upgrade gift group_buy trial", "kind of order"),
            C("product_id", meaning="what was bought; required without order_items"),
            _money("subtotal", "sum of price × quantity"),
            _money("discount", "coupons, points and group-buy reductions together"),
            C("coupon", meaning="coupon code"),
            _money("tax", "tax in total"),
            _money("shipping", "shipping in total"),
            _money("total", "what the customer paid", required=True),
            C("revenue", "dec", "as the source sends it; its meaning is in manifest.revenue_definition"),
            _money("fee", "app-store and payment fee"),
            _money("commission", "commission of a distributor"),
            _money("refund_total", "refunded so far; required for refunded orders"),
            _time("refunded_at", "when it was refunded"),
            _currency(required=True),
            C("affiliation", meaning="store, mini-program or App Store"),
            C("group_buy_id", meaning="group of a group buy"),
            C("referrer_user_id", meaning="distributor or inviter"),
            C("payment_method", meaning="payment method"),
        ),
        order=("timestamp", "order_id"),
        rules=(
            Rule(
                "missing_value",
                "product_id",
                "product_id IS NULL AND NOT getvariable('has_order_items')",
                "The order says not what was bought. Send product_id, or an order_items file.",
            ),
            Rule(
                "missing_value",
                "refund_total",
                "refund_total IS NULL AND status IN ('refunded', 'partially_refunded')",
                "The order is refunded but refund_total is empty. Send the amount refunded.",
            ),
            Rule(
                "refund_exceeds_total",
                "refund_total",
                "refund_total > total",
                "The refund {value} is more than the customer paid. Send the refunds of this order only.",
            ),
            # A unit error multiplies by 100, the amount before the discount too. A deep discount that the order itself
            # explains is none.
            Rule(
                "money_unit",
                "total",
                # the list makes one column of what is looked up three times otherwise
                f"""total > 0 AND list_transform([{LISTED["orders"]}], lambda listed:
                    greatest(total, coalesce(subtotal, 0), total + coalesce(discount, 0)) >= 20 * listed
                    OR total <= 0.05 * listed AND NOT coalesce((total + discount) / listed BETWEEN 0.8 AND 1.25, false)
                    )[1]""",
                _OFF,
            ),
        ),
        reads=("courses", "order_items"),
    ),
    Table(
        "order_items",
        "Lines of an order; made from orders.product_id when absent.",
        ("order_id", "line_no"),
        (
            _key("order_id", "order"),
            C("line_no", "int", "line, from 1", required=True, minimum=1),
            _key("product_id", "what was bought"),
            _money("price", "price of one", required=True),
            C("quantity", "int", "number bought", required=True, minimum=1),
            _money("discount", "discount of this line"),
            C("coupon", meaning="coupon code"),
            C("position", "int", "place in the list shown", minimum=0),
        ),
        rules=(_far_above("order_items"),),
        reads=("courses",),
    ),
    Table(
        "memberships",
        "One row per paid or trial period; a renewal is the next row.",
        ("membership_id",),
        (
            _key("membership_id", "id of the period"),
            _key("user_id", "member"),
            _key("plan_id", "plan (a product_id)"),
            C("tier", meaning="level of the plan"),
            C("period_no", "int", "0 = trial, then 1, 2, …", required=True, minimum=0),
            _enum("status", "trialing active past_due canceled expired", "state", required=True),
            _time("current_period_start", "start of the period", required=True, future=True),
            _time("current_period_end", "end of the period", required=True, future=True),
            _enum("interval", "month quarter year", "length of the plan", required=True),
            _money("price", "price of the period", required=True),
            _currency(required=True),
            C("auto_renew", "bool", "renews by itself"),
            _time("canceled_at", "when the member cancelled"),
            _time("ended_at", "when access ended"),
            _enum(
                "cancel_reason",
                "price no_time finished content service switched payment_failed unknown",
                "reason given",
            ),
            C("order_id", meaning="order that paid for it"),
        ),
        rules=(
            Rule(
                "out_of_range",
                "current_period_end",
                "current_period_end < current_period_start",
                "The period ends before it starts. Check whether the two columns are swapped.",
            ),
            _far_above("memberships"),
        ),
        reads=("courses", "orders", "order_items"),
    ),
    Table(
        "touches",
        "Marketing assignments, controls included; outcome windows start at assigned_at.",
        ("touch_id",),
        (
            _key("touch_id", "id of the assignment"),
            _key("campaign_id", "campaign"),
            C("experiment_id", meaning="experiment"),
            C("user_id", meaning="whom; user_id or anonymous_id is required"),
            C("anonymous_id", meaning="device or cookie id"),
            _enum("unit_type", "user device cluster", "what was assigned"),
            C("cluster_id", meaning="cluster of a cluster-randomised campaign"),
            _time("assigned_at", "when the arm was drawn", required=True),
            _enum(
                "assignment",
                "randomised stratified cluster_randomised switchback rule self_selected unknown",
                "how the arm was chosen",
                required=True,
            ),
            C("variation_id", meaning="arm; control is reserved for the untreated", required=True),
            C("propensity", "float", "probability of the arm drawn; required when drawn at random"),
            C("stratum", meaning="stratum; required when stratified"),
            C("channel", meaning="channel of the message"),
            C("creative", meaning="what was shown"),
            C("offer", meaning="what was promised"),
            _money("offer_discount", "discount promised"),
            C("coupon", meaning="coupon code"),
            _time("delivered_at", "delivered"),
            _time("exposed_at", "seen"),
            _time("opened_at", "opened"),
            _time("clicked_at", "clicked"),
            _money("cost", "cost of this touch"),
            _currency(required=False),
        ),
        order=("assigned_at", "touch_id"),
        rules=(
            _SOMEBODY,
            Rule(
                "missing_value",
                "propensity",
                "propensity IS NULL AND assignment IN ('randomised', 'stratified', 'cluster_randomised', 'switchback')",
                "The arm was drawn at random but its probability is not given. Send propensity.",
            ),
            Rule(
                "out_of_range",
                "propensity",
                "propensity <= 0 OR propensity >= 1",
                "{value} is no probability strictly between 0 and 1. Send the probability of the arm drawn.",
            ),
            Rule(
                "missing_value",
                "stratum",
                "stratum IS NULL AND assignment = 'stratified'",
                "The campaign is stratified but names no stratum. Send stratum.",
            ),
        ),
    ),
    Table(
        "reviews",
        "Feedback in words or marks.",
        ("review_id",),
        (
            _key("review_id", "id"),
            _time("timestamp", "when it was given", required=True),
            C("user_id", meaning="who"),
            C("product_id", meaning="about which course"),
            C("order_id", meaning="about which order"),
            _enum("kind", "review nps survey ticket refund_reason cancel_reason", "kind", required=True),
            C("rating", "float", "stars", minimum=1, maximum=5),
            C("nps", "int", "likelihood to recommend", minimum=0, maximum=10),
            C("review_body", meaning="text; phone numbers, ids and addresses are replaced by tags", free_text=True),
            C("language", meaning="language of the text"),
            _time("answered_at", "when it was answered"),
        ),
        order=("timestamp", "review_id"),
    ),
    Table(
        "interactions",
        "What users do with one another.",
        ("interaction_id",),
        (
            _key("interaction_id", "id"),
            _time("timestamp", "when", required=True),
            _key("user_id", "who acts"),
            C("target_user_id", meaning="toward whom"),
            _enum("object_type", "course lesson post order group", "about what kind of thing", required=True),
            C("object_id", meaning="about which thing"),
            _enum(
                "action",
                "follow like comment share invite invite_accepted join_group gift check_in",
                "what was done",
                required=True,
            ),
            C("share_via", meaning="channel of the share"),
            C("invite_code", meaning="code of the invitation"),
            C("parent_interaction_id", meaning="the interaction it follows from"),
        ),
        order=("timestamp", "interaction_id"),
    ),
    Table(
        "market",
        "Figures of the market and the company's own spend, one per row.",
        ("date", "source", "entity", "metric", "geography"),
        (
            C("date", "date", "day or first day of the period", required=True),
            _key("source", "who publishes it"),
            C("source_url", meaning="where", required=True),
            _key("entity", "about whom: company, channel or campaign"),
            _key("metric", "what is measured"),
            C("value", "float", "the figure", required=True),
            C("unit", meaning="its unit", required=True),
            C("currency", meaning="ISO 4217 code, when the figure is money"),
            C("geography", meaning="where it holds"),
            _enum("method", "filing panel survey scrape own_spend own_price", "how it was obtained", required=True),
            _time("retrieved_at", "when it was copied", required=True),
            C("licence", meaning="licence of the figure"),
            _enum("quality", "P R W", "published primary, report, weak", required=True),
        ),
    ),
    Table(
        "identity_map",
        "Which device belonged to whom, and when.",
        ("anonymous_id", "user_id", "first_seen_at"),
        (
            _key("anonymous_id", "device or cookie id"),
            _key("user_id", "user"),
            _time("first_seen_at", "start of the interval", required=True),
            _time("last_seen_at", "end of the interval", required=True),
            _enum("method", "login signup alias import", "what linked them", required=True),
            C("n_users_on_device", "int", "users seen on the device", required=True, minimum=1),
            _enum("status", "active ambiguous revoked", "may it be used", required=True),
        ),
    ),
)
TABLES: dict[str, Table] = {t.name: t for t in _TABLES}


def _allowed(column: Column) -> str:
    if column.enum:
        return ", ".join(column.enum)
    if column.minimum is not None and column.maximum is not None:
        return f"{column.minimum:g} to {column.maximum:g}"
    if column.minimum is not None:
        return f"{column.minimum:g} or more"
    return f"empty = {column.default}" if column.default else ""


def dictionary() -> str:
    """The data dictionary as a Markdown page: one section and one table per canonical table."""
    lines = [
        "# Data dictionary",
        "",
        "Generated from `knowpay.collect.schema`. Ids are text, times are UTC, money is in major units (yuan).",
        "Columns that the source sends and that are not listed here are kept in `properties`.",
    ]
    for table in TABLES.values():
        lines += ["", f"## {table.name}", "", f"{table.meaning} Key: {', '.join(f'`{k}`' for k in table.key)}.", ""]
        lines += ["| column | type | required | allowed values | meaning |", "|---|---|---|---|---|"]
        for c in table.columns:
            required = "yes" if c.required else ""
            lines.append(f"| `{c.name}` | {TYPE_WORDS[c.type]} | {required} | {_allowed(c)} | {c.meaning} |")
        if table.name == "orders":
            lines.append(
                "| `net_revenue` | money (2 decimals) | derived |  | "
                "total − tax − refund_total − fee − commission (without the last two, the manifest's "
                "fee_share of the total); the only column called revenue in the lessons |"
            )
    vocabulary = ", ".join(f"`{e}`" for e in EVENTS)
    return "\n".join([*lines, "", "## Event names", "", f"{vocabulary}.", ""])


if __name__ == "__main__":
    from pathlib import Path

    page = Path(__file__).parents[3] / "datasets" / "dictionary.md"
    page.write_text(dictionary(), encoding="utf-8")
