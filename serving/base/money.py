"""Amounts of money and shares as people write them, in English and in Simplified Chinese."""

import math

# Signs as the Unicode CLDR has them for each locale; a currency without one is written by its code.
_SIGNS = {
    "en": {
        "USD": "$", "EUR": "€", "GBP": "£", "CNY": "CN¥", "HKD": "HK$", "JPY": "¥", "CAD": "CA$",
        "AUD": "A$", "MXN": "MX$", "TWD": "NT$", "KRW": "₩", "INR": "₹", "BRL": "R$",
    },
    "zh-CN": {
        "USD": "US$", "EUR": "€", "GBP": "£", "CNY": "¥", "HKD": "HK$", "JPY": "JP¥", "CAD": "CA$",
        "AUD": "AU$", "MXN": "MX$", "TWD": "NT$", "KRW": "₩", "INR": "₹", "BRL": "R$",
    },
}  # fmt: skip
_WHOLE = frozenset({"JPY", "KRW", "VND", "CLP", "ISK"})
"""Currencies without a minor unit (ISO 4217)."""


def format_money(amount: float, currency: str, lang: str) -> str:
    """`amount` with the sign of `currency`, grouped by thousands: `-$1,234.50`, `US$41.20`, `SEK 12.00`."""
    digits = 0 if currency in _WHOLE else 2
    rounded = round(amount, digits) + 0.0
    sign = _SIGNS.get(lang, _SIGNS["en"]).get(currency, f"{currency} ")
    return f"{'-' if rounded < 0 else ''}{sign}{abs(rounded):,.{digits}f}"


def format_percent(share: float) -> str:
    """`share` in [0, 1] to a tenth of a percent, without a trailing zero: `97%`, `94.9%`.

    Rounded so that what is not certain never reads as 100% or 0%: 0.9999 is `>99.9%`, 0.0001 is `<0.1%`.
    """
    if 0.999 < share < 1:
        return ">99.9%"
    if 0 < share < 0.001:
        return "<0.1%"
    tenths = math.floor(share * 1000 + 1e-6) / 10  # down, so that 94.96% does not pass for a needed 95%
    return f"{tenths:.1f}".removesuffix(".0") + "%"
