"""Links to photos that need no key: for one photo, for a while, signed; and nothing of what was erased."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from regrade.serving.access.photo_links import LONGEST, PhotoLinks
from regrade.serving.base.errors import LinkExpiredError, NotFoundError

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
LINKS = PhotoLinks(b"l" * 32)


def signed(link: str) -> tuple[str, str]:
    query = parse_qs(urlsplit(link).query)
    return query["expires"][0], query["signature"][0]


def test_a_link_is_good_until_it_ends_and_not_longer() -> None:
    expires, signature = signed(LINKS.link("a", 0, NOW, timedelta(hours=1)))
    LINKS.check("a", 0, expires, signature, NOW + timedelta(minutes=59))
    with pytest.raises(LinkExpiredError):
        LINKS.check("a", 0, expires, signature, NOW + timedelta(hours=1))


def test_no_link_lives_longer_than_thirty_days() -> None:
    expires, _ = signed(LINKS.link("a", 0, NOW, timedelta(days=999)))
    assert int(expires) == int((NOW + LONGEST).timestamp())


def test_a_link_that_was_signed_for_a_year_that_nobody_can_write_has_ended() -> None:
    beyond = 253_402_300_800
    with pytest.raises(LinkExpiredError):
        LINKS.check("a", 0, str(beyond), LINKS._sign("a", 0, beyond), NOW)


def test_a_link_opens_no_other_photo_for_no_longer_and_at_no_other_site() -> None:
    expires, signature = signed(LINKS.link("a", 0, NOW, timedelta(hours=1)))
    others = [("b", 0, expires, signature), ("a", 1, expires, signature), ("a", 0, str(int(expires) + 1), signature)]
    others += [("a", 0, expires, ""), ("a", 0, expires, signature[:-1] + "x"), ("a", 0, "1e9", signature)]
    others += [("a", 0, "-1", signature), ("a", 0, expires, "é")]
    for one in others:
        with pytest.raises(NotFoundError):
            LINKS.check(*one, NOW)
    with pytest.raises(NotFoundError):
        PhotoLinks(b"x" * 32).check("a", 0, expires, signature, NOW)


def test_the_secret_is_made_once_and_kept(tmp_path: Path) -> None:
    link = PhotoLinks.load(tmp_path).link("a", 0, NOW, timedelta(hours=1))
    assert PhotoLinks.load(tmp_path).link("a", 0, NOW, timedelta(hours=1)) == link


@pytest.mark.slow
def test_a_photo_is_opened_without_a_key_written_down_and_gone_once_erased(service: Any, render_photo: Any) -> None:
    made = service.post([render_photo()]).json()
    links, anybody = service.runtime.photo_links, service.with_key(None)
    link = links.link(made["id"], 0, datetime.now(UTC), timedelta(minutes=5))
    answer = anybody.get(link)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin", "pages of the receiver show it"
    seen = service.client.get(f"/v1/inspections/{made['id']}/audit", params={"photos": True}).json()["photo_views"]
    assert [(one["key_id"], one["role"], one["photo"]) for one in seen] == [("link", "link", 0)]
    assert anybody.get(link.replace("signature=", "signature=0")).json()["status"] == 404
    assert anybody.get(link.split("&")[0]).status_code == 422
    over = links.link(made["id"], 0, datetime.now(UTC) - timedelta(hours=1), timedelta(minutes=5))
    assert anybody.get(over).json()["type"].endswith("link-expired")
    assert anybody.get(links.link(made["id"], 9, datetime.now(UTC), timedelta(minutes=5))).status_code == 404
    assert service.client.delete(f"/v1/inspections/{made['id']}").status_code in (200, 204)
    assert anybody.get(link).json()["status"] == 410
