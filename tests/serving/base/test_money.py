"""How amounts and shares are written."""

from typing import Any

import pytest

from regrade.serving.base.money import format_money, format_percent


@pytest.mark.parametrize(
    ("amount", "currency", "lang", "written"),
    [
        (41.2, "USD", "en", "$41.20"),
        (41.2, "USD", "zh-CN", "US$41.20"),
        (-1234.5, "USD", "en", "-$1,234.50"),
        (8, "CNY", "en", "CN¥8.00"),
        (8, "CNY", "zh-CN", "¥8.00"),
        (1200.4, "JPY", "en", "¥1,200"),
        (12, "SEK", "en", "SEK 12.00"),
        (-0.001, "USD", "en", "$0.00"),
        (12, "USD", "fr", "$12.00"),
    ],
)
def test_money_is_written_with_its_sign_and_grouped(amount: Any, currency: str, lang: str, written: str) -> None:
    assert format_money(amount, currency, lang) == written


@pytest.mark.parametrize(
    ("share", "written"),
    [
        (0.97, "97%"), (0.5, "50%"), (1.0, "100%"), (0.0, "0%"), (0.29, "29%"), (0.949, "94.9%"),
        (0.9496, "94.9%"), (0.9999, ">99.9%"), (0.0002, "<0.1%"),
    ],
)  # fmt: skip
def test_a_share_is_never_rounded_up_to_what_it_is_not(share: float, written: str) -> None:
    assert format_percent(share) == written
