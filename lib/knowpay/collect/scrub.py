"""Free text without what finds a person: phone and identity numbers, e-mail, WeChat and QQ ids become a tag.

Written as one DuckDB expression, so that ingest cleans a column in its own pass, and on RE2, whose time is linear in
the length of the text whatever the text is. RE2 cannot look around: a match takes the character before and after it,
and so each pattern is applied twice to find two numbers with one blank between them.

Not found: numbers written in words (一三八…), ids without a label, names and addresses. Scrubbing lowers a risk; it
does not make a text anonymous.
"""

from knowpay.collect.duck import quote

_D = "[0-9０-９]"
_GAP = r"[ .·\-－—_\x{3000}]?"
_HEAD, _TAIL = "(^|[^0-9０-９])", "([^0-9０-９]|$)"
# 3-4-4, 4-3-4, 3-3-5, 3-8 and single digits, after +86, 0086 or 86.
_MOBILE = (
    f"(?:(?:[+＋]|00|００)?(?:86|８６){_GAP})?[(（]?[1１][3-9３-９](?:{_D}{_GAP}{_D}{{4}}{_GAP}{_D}{{4}}|{_D}{{2}}{_GAP}{_D}{{3}}{_GAP}{_D}{{4}}"
    f"|{_D}{_GAP}{_D}{{3}}{_GAP}{_D}{{5}}|(?:[ .·\\-－]{_D}){{9}})"
    f"|[1１][ .·\\-－][3-9３-９](?:[ .·\\-－]{_D}){{9}}"
)
_AREA, _MONTH, _DAY = (
    f"[1-9１-９]{_D}{{5}}",
    "(?:[0０][1-9１-９]|[1１][0-2０-２])",
    "(?:[0０][1-9１-９]|[12１２][0-9０-９]|[3３][01０１])",
)
_ID18 = f"{_AREA}{_GAP}(?:19|20|１９|２０){_D}{{2}}{_MONTH}{_DAY}{_GAP}{_D}{{3}}[0-9０-９XxＸｘ]"
_ID15 = f"{_AREA}{_D}{{2}}{_MONTH}{_DAY}{_D}{{3}}"
_MAIL = r"[A-Za-z0-9._%+\-]+[@＠][A-Za-z0-9\-]+(?:[.．][A-Za-z0-9\-]+)+"
_WORD = r"\s?(?:号码|号|帐号|账号|id|ID|Id)"
_IS = rf"(?:{_WORD})?[\s:：=是为]*"
_MARK = rf"(?:{_WORD})?\s*[:：=是为]\s*|{_WORD}\s*"
_LABEL = (
    r"微信|薇信|威信|徽信|维信|[加+➕][vV]"
    r"|(?:^|[^A-Za-z0-9])(?:[vV]信|[vV][xX]|[wW][xX]|[wW]e[iI]?[xX]in|[wW]e[cC]hat)"
)
# After a mark ("微信号: …") any id is one; without it ("微信 abc_123") only an id that no word looks like.
_WECHAT = (
    rf"({_LABEL})({_MARK})(?:[A-Za-z][A-Za-z0-9_\-]{{5,19}}|[1-9][0-9]{{4,11}})",
    rf"({_LABEL})({_IS})(?:[A-Za-z]{{4,}}[0-9_\-][A-Za-z0-9_\-]+|[A-Za-z]{{1,3}}[0-9_\-][A-Za-z0-9_\-]{{3,18}})",
)
_QQ = rf"(扣扣|企鹅|(?:^|[^A-Za-z0-9])[qQ][qQ])((?:群|群号)?{_IS})[1-9１-９]{_D}{{4,11}}"
KINDS = ("e-mail", "id card", "phone", "wechat", "qq")


def scrub_sql(column: str) -> str:
    """Return the DuckDB expression of the scrubbed text; ``column`` is a text column or expression. NULL stays NULL.

    An identity number of 18 digits needs a date of birth and the right check digit (GB 11643-1999), one of 15 the date.
    """
    text = _replace(column, f"()({_MAIL})()", "e-mail")
    for _ in range(2):
        text = _id_cards(text)
    for pattern, kind in ((_ID15, "id card"), (_MOBILE, "phone")):
        for _ in range(2):
            text = _replace(text, f"{_HEAD}({pattern}){_TAIL}", kind, r"\3")
    for pattern in _WECHAT:
        for _ in range(2):
            text = _replace(text, pattern, "wechat", head=r"\1\2")
    for _ in range(2):
        text = _replace(text, _QQ, "qq", head=r"\1\2")
    return text


def _replace(text: str, pattern: str, kind: str, tail: str = "", head: str = r"\1") -> str:
    return f"regexp_replace({text}, {quote(pattern)}, {quote(f'{head}[{kind}]{tail}')}, 'g')"


def _id_cards(text: str) -> str:
    """Numbers of 18 digits are taken out one by one: RE2 cannot add up a check digit."""
    plain = r"upper(regexp_replace(translate(x, '０１２３４５６７８９Ｘｘ', '0123456789XX'), '[^0-9Xx]', '', 'g'))"
    total = f"""list_sum(list_transform([7,9,10,5,8,4,2,1,6,3,7,9,10,5,8,4,2], lambda w, i:
        w * CAST(substr({plain}, CAST(i AS INTEGER), 1) AS INTEGER)))"""
    right = f"substr('10X98765432', CAST({total} % 11 AS INTEGER) + 1, 1) = substr({plain}, 18, 1)"
    found = f"regexp_extract_all({text}, {quote(f'{_HEAD}({_ID18}){_TAIL}')}, 2)"
    return f"list_reduce(list_filter({found}, lambda x: {right}), lambda a, x: replace(a, x, '[id card]'), {text})"
