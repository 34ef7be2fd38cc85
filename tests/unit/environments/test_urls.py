"""URLs are read as browsers read them, and where a redirect leads is judged by that."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_caio.environments.urls import Url, browser_url, local_redirect, web_url

PAGE = Url("https", "caio.example", 443, "/a/b", "q=1")
# Each with the URL that Ada, the parser of Node.js, makes of it on the page https://caio.example/a/b?q=1.
READ = {
    "/login": "https://caio.example/login",
    "login": "https://caio.example/a/login",
    "": "https://caio.example/a/b?q=1",
    "?next=/": "https://caio.example/a/b?next=/",
    "#top": "https://caio.example/a/b?q=1",
    "https:/login": "https://caio.example/login",
    "https:login": "https://caio.example/a/login",
    "https:///login": "https://login/",
    "http:/login": "http://login/",
    "https://///login//x": "https://login//x",
    "//other.example": "https://other.example/",
    "///other.example/x": "https://other.example/x",
    "\\\\other.example\\x": "https://other.example/x",
    "/\\other.example": "https://other.example/",
    "/\t/other.example": "https://other.example/",
    "ht\ntps://other.example": "https://other.example/",
    " \x00//other.example ": "https://other.example/",
    "https://caio.example@other.example": "https://other.example/",
    "https://other.example\\@caio.example": "https://other.example/@caio.example",
    "https://me:pw@CAIO.example:443/": "https://caio.example/",
    "https://caio.example:8443/": "https://caio.example:8443/",
    f"https://caio.example:{'0' * 5000}443/": "https://caio.example/",
    "https://caio.example:/": "https://caio.example/",
    "https://c%61io.example/": "https://caio.example/",
    "https://café.example/": "https://xn--caf-dma.example/",
    "https://CAFÉ。example/": "https://xn--caf-dma.example/",
    "https://\uff41.example/": "https://a.example/",
    "https://127.1/": "https://127.0.0.1/",
    "https://0x7f.0.0.1/": "https://127.0.0.1/",
    "https://2130706433/": "https://127.0.0.1/",
    "https://017700000001/": "https://127.0.0.1/",
    "https://[0:0:0:0:0:0:0:1]:8000/": "https://[::1]:8000/",
    "https://a_b.example/": "https://a_b.example/",
    "/x/../login": "https://caio.example/login",
    "/x/%2e%2E/login/.": "https://caio.example/login/",
    "../../../login": "https://caio.example/login",
}
NOT_OF_THE_WEB = (
    *("javascript:alert(1)", "data:text/html,x", "mailto:a@caio.example", "ws://caio.example", "a:b"),
    *("https://", "https://a b.example", "https://[::1", "https://[caio]", "https://[::1%25eth0]"),
    *("https://caio.example:http", "https://caio.example:65536", "https://caio.example:99999999999"),
    *(
        "https://caio.example:+1",
        "https://1%20.1",
        "https://127.0.0.1%20.5",
        f"https://caio.example:{'1' * 5000}",
    ),
    *("https://256.1.1.1", "https://1.2.3.4.5", "https://a%00b", "https://a%2fb", "https://xn--a\u0301/"),
)


@pytest.mark.parametrize("text", READ, ids=lambda text: text[:40])
def test_urls_are_read_as_browsers_read_them(text: str) -> None:
    """`https:///login`, `https:/login`, backslashes, tabs, user info, `//host`, IDNA, IPv4 in odd forms."""
    url = browser_url(text, PAGE)
    assert url is not None
    assert f"{url.origin}{url.path}{url.query and f'?{url.query}'}" == READ[text]


@pytest.mark.parametrize("text", NOT_OF_THE_WEB, ids=lambda text: text[:40])
def test_what_leads_nowhere(text: str) -> None:
    """Other schemes, and what browsers refuse, lead nowhere."""
    assert browser_url(text, PAGE) is None
    assert local_redirect("https://caio.example/a/b", text) is None


@given(st.text(st.sampled_from("ahtps:/\\@.%2e[]0x1#?\t\n é。ß\u200d") | st.characters(), max_size=30))
def test_every_text_is_read(text: str) -> None:
    """Every text is read or refused, and what was read is read again as the same."""
    for url in (browser_url(text), browser_url(text, PAGE), web_url(text)):
        if url is not None:
            again = browser_url(url.origin)
            assert again is not None
            assert again.origin == url.origin


@pytest.mark.parametrize(
    "text",
    [
        "https:/caio.example",
        "https:///caio.example",
        "https:\\\\caio.example",
        "//caio.example",
        "caio.example",
    ],
)
def test_a_configured_url_is_plain(text: str) -> None:
    """What only browsers make sense of is no URL in a configuration."""
    assert web_url(text) is None


@pytest.mark.parametrize(
    ("url", "location"),
    [
        *(
            ("https://caio.example/", location)
            for location in (
                *("/login", "login", "?next=/", "", "/login?next=//other.example", "/a//b"),
                *("https://caio.example/login", "https://caio.example:443/login", "HTTPS://CAIO.example"),
                *("http://caio.example:80/login", "https://caio.example./login", "//caio.example/login"),
                *("\\\\caio.example/x", "https://me@caio.example/login"),
            )
        ),
        ("https://caio.example.", "https://caio.example/login"),
        ("https://xn--caf-dma.example", "https://café.example/login"),
        ("http://127.0.0.1:8000", "http://127.1:8000/login"),
        ("http://[::1]:8000", "http://[0::1]:8000/login"),
    ],
)
def test_redirects_that_stay(url: str, location: str) -> None:
    """`:443` in Location, an upper-case host, a trailing dot: origins are compared as origins."""
    assert local_redirect(url, location) is not None


@pytest.mark.parametrize(
    ("url", "location"),
    [
        *(
            (f"{scheme}://caio.example/a", location)
            for scheme in ("http", "https")
            for location in (
                *("//other.example", "///other.example", "/\\other.example", "\\/other.example"),
                *("/\t/other.example", " //other.example", "https:///login", "https:/login", "https:login"),
                *("http:/login", "https://caio.example@other.example", "https://caio.example.other.example/"),
                *("https://caio.example:8443/login", "https://c\u0430io.example/login"),
            )
        ),
        ("http://127.0.0.1:8000", "http://127.0.0.1/login"),
        ("http://127.0.0.1:8000", "https://127.0.0.1:8443/login"),
        ("no url", "/login"),
        ("http://127.0.0.1:8000", f"/login?next={'x' * 8192}"),
    ],
)
def test_redirects_that_leave(url: str, location: str) -> None:
    """Whatever a browser on either scheme reads as another host, port or scheme leaves."""
    assert local_redirect(url, location) is None
