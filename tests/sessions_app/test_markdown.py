"""Markdown: what people mean is shown, and nothing in it can run or load."""

import re
import time
from html.parser import HTMLParser

import nh3
import pytest
from django.utils.safestring import SafeString

from sessions_app.rendering import markdown
from sessions_app.rendering.markdown import ATTRIBUTES, TAGS, render, render_plain

NASTY = [
    "<script>alert(1)</script>",
    "<ScRiPt src=//evil.example></sCrIpT>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)><animate onbegin=alert(1)>",
    "<svg><style><img src=x onerror=alert(1)></style></svg>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<iframe src='javascript:alert(1)'></iframe>",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "<style>@import 'https://evil.example/x.css'</style>",
    "<div style='background:url(https://evil.example/x)'>x</div>",
    "<link rel=stylesheet href=https://evil.example/x.css>",
    "<meta http-equiv=refresh content='0;url=https://evil.example'>",
    "<base href=https://evil.example/>",
    "<form action=https://evil.example><button>Log in</button></form>",
    "<object data=https://evil.example></object><embed src=https://evil.example>",
    "<video src=https://evil.example autoplay></video><audio src=x onerror=alert(1)>",
    "<a href='javascript:alert(1)'>x</a>",
    "<input autofocus onfocus=alert(1)>",
    "<details open ontoggle=alert(1)>",
    "<!--><script>alert(1)</script>-->",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<?xml-stylesheet href='javascript:alert(1)'?>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](\x01javascript:alert(1))",
    "[x](java&#10;script:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](<javascript:alert(1)>)",
    "[x](javascript&colon;alert(1))",
    "[x](vbscript:msgbox(1))",
    "[x](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
    "[x](data:image/svg+xml,<svg onload=alert(1)>)",
    "[x](file:///etc/passwd)",
    "[x](ftp://evil.example)",
    "[x](//evil.example)",
    "[x](/accounts/logout/)",
    "![x](/accounts/logout/)",
    "![x](/files/7/inline/\" onerror=\"alert(1))",
    "![x](</files/7/ onerror=alert(1)>)",
    "![\" onerror=\"alert(1)](/files/7/inline/)",
    "[x](/files/\"onmouseover=\"alert(1))",
    "[x](/\\\\evil.example/files/)",
    "@<script>alert(1)</script> @\"onmouseover=alert(1)",
    "[x](\\\\evil.example\\share)",
    "[x][y]\n\n[y]: javascript:alert(1)",
    "<javascript:alert(1)>",
    "<data:text/html,x>",
    "![x](https://evil.example/pixel.png)",
    "![x](data:image/png;base64,AAAA)",
    "![x](javascript:alert(1))",
    "![x](x\" onerror=\"alert(1))",
    "[x](https://e.example 'a\" onmouseover=\"alert(1)')",
    "[x](https://e.example/\"onmouseover=\"alert(1))",
    "https://e.example/\"onmouseover=\"alert(1)",
    "https://e.example/'><script>alert(1)</script>",
    "[![x](https://evil.example/a.png)](javascript:alert(1))",
    "`<script>alert(1)</script>`",
    "```html\"onload=alert(1)\n<script>alert(1)</script>\n```",
    "```</code></pre><script>alert(1)</script>\nx\n```",
    "```html\n<script>alert(1)</script><a href='javascript:alert(1)'>\n```",
    "```js\nx = '</code></pre><script>alert(1)</script>'\n```",
    "- [ ] \"onfocus=\"alert(1)\" <script>alert(1)</script>",
    "- [x] [\"><img src=x onerror=alert(1)>](https://e.example)",
    "| <script>alert(1)</script> |\n|---|\n| <img src=x onerror=alert(1)> |",
    "# <svg/onload=alert(1)>",
    "a\n<script>\nalert(1)\n</script>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "<x" * 50 + " onload=alert(1)>",
    "\u202e<script>alert(1)</script>",
    "\ufeff<script>alert(1)</script>",
]  # fmt: skip


ADDED = {
    "a": {"rel", "class"},
    "bdi": {"class"},
    "div": {"tabindex", "role", "aria-labelledby"},
    "input": {"type", "disabled"},
    "pre": {"tabindex"},
    "span": {"class"},
    "td": {"class"},
    "th": {"class"},
}


class Seen(HTMLParser):
    """Collects tags and attributes as a browser would see them."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.attributes = set(), []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]


def assert_harmless(html):
    seen = Seen(html)
    assert seen.tags <= TAGS
    for tag, name, value in seen.attributes:
        assert name in ATTRIBUTES.get(tag, set()) | ADDED.get(tag, set())
        if name == "href":
            assert re.match(r"(https?://|mailto:|/(files|sessions)/)", value, re.IGNORECASE)
        if name == "rel":
            assert set(value.split()) == {"nofollow", "noopener", "noreferrer"}


@pytest.mark.parametrize("text", NASTY)
@pytest.mark.parametrize(
    "around", ["{}", "> {}", "- {}", "**{}**", "[{}](https://e.example)", "~~{}~~"]
)
def test_nothing_can_run_or_load(text, around):
    assert_harmless(render(around.format(text)))


def test_every_link_says_that_it_is_foreign():
    html = render("[x](https://e.example) https://e.example <https://e.example>")
    assert html.count('rel="nofollow noopener noreferrer"') == 3


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("one\ntwo", "<p>one<br>\ntwo</p>"),
        ("**b** *i* ~~s~~ `c`", "<p><strong>b</strong> <em>i</em> <s>s</s> <code>c</code></p>"),
        ("# Top\n\n##### Low", "<h3>Top</h3>\n<h6>Low</h6>"),
        ("3. a\n4. b", '<ol start="3">\n<li>a</li>\n<li>b</li>\n</ol>'),
        ("```\nx < 1\n```", '<pre tabindex="0"><code>x &lt; 1\n</code></pre>'),
        ("<b>&amp;</b>", "<p>&lt;b&gt;&amp;&lt;/b&gt;</p>"),
        ("東京\u3000タワー", "<p>東京\u3000タワー</p>"),
        ("10~12時、13~15時", "<p>10~12時、13~15時</p>"),
        ("[x](/files)", "<p>[x](/files)</p>"),
        ("[x](javascript:a)", "<p>[x](javascript:a)</p>"),
        ("![x](data:a)", "<p>![x](data:a)</p>"),
        ("<div>\n*a*\n</div>", "<p>&lt;div&gt;<br>\n*a*<br>\n&lt;/div&gt;</p>"),
        ("", ""),
    ],
)
def test_what_people_write_is_shown(text, html):
    assert render(text).strip() == html


def test_tables_keep_their_alignment():
    html = render("| a | b | c |\n|---|:-:|--:|\n| 1 | 2 | 3 |")
    assert "<td>1</td>" in html
    assert '<td class="center">2</td>' in html
    assert '<td class="right">3</td>' in html


@pytest.mark.parametrize(
    ("text", "address", "label"),
    [
        ("https://e.example", "https://e.example", "https://e.example"),
        ("see https://e.example/a_b_c?x=1&y=2.", "https://e.example/a_b_c?x=1&amp;y=2", None),
        ("(https://e.example/a)", "https://e.example/a", None),
        ("https://e.example/a_(b)", "https://e.example/a_(b)", None),
        ("東京はhttps://e.example/を見て", "https://e.example/", None),
        ("**https://e.example**", "https://e.example", None),
        ("HTTP://E.example", "HTTP://E.example", None),
        ("<https://e.example/x>", "https://e.example/x", None),
        ("<me@e.example>", "mailto:me@e.example", "me@e.example"),
        ("[text](https://e.example)", "https://e.example", "text"),
        ("![map](https://e.example/map.png)", "https://e.example/map.png", "map"),
        ("![](https://e.example/map.png)", "https://e.example/map.png", None),
        ("[![map](https://e.example/i.png)](https://e.example)", "https://e.example", "map"),
    ],
)
def test_addresses_and_images_become_links(text, address, label):
    html = render(text)
    found = re.findall(r'<a href="([^"]*)"[^>]*>([^<]*)</a>', html)
    assert found == [(address, label or address)]
    assert "<img" not in html


@pytest.mark.parametrize(
    "text", ["https://", "https://...", "ahttp://e.example", "`https://e.example`", "www.e.example"]
)
def test_what_is_no_address_stays_text(text):
    assert "<a" not in render(text)


@pytest.mark.parametrize(
    "text", [">" * 300 + "deep", "\n".join("  " * n + f"- deep{n}" for n in range(60))]
)
def test_what_is_nested_too_deeply_is_shown_as_written(text):
    html = render(text)
    assert html.startswith("<pre ")
    assert "deep" in html


def test_40_levels_of_lists_lose_nothing():
    html = render("\n".join("  " * n + f"- item{n}." for n in range(40)))
    assert html.startswith("<ul>")
    assert all(f"item{n}." in html for n in range(40))


COSTLY = [
    "[", "![", "[a](", "![[", "*a ", "*a **a ", "a**b", "_", "*_", "`", "<", "<a ", "&", "&a", "\t",
    "|a|b|\n|-|-|\n", "~~a ", "[a]: b\n", "[x](<b", "\\", ">", "> ", "- ", "- a\n", "1. a\n", "!",
    "<http://a", "https://a) ", "https://a" + ")" * 1000, "]", "(", "# a\n", "a\n-\n", "\u3000",
]  # fmt: skip


TABLE = "|" + "a|" * 181 + "\n|" + "-|" * 181 + "\n" + "|\n" * 362 + "\n"


@pytest.mark.parametrize(
    "text",
    [TABLE, (TABLE * 70)[:100_000], "> " * 50_000, "- " * 50_000, "#\n" * 50_000, "&" * 100_000],
)
def test_a_document_is_as_long_as_a_reader_can_use(text):
    # The same few characters of table came to 661 kB, sixty times as many to 3.7 GB of memory.
    started = time.process_time()
    html = render(text)
    assert len(html) < 800_000
    assert time.process_time() - started < 2
    assert_harmless(html)


def test_a_text_is_rendered_once(monkeypatch):
    markdown.cache.clear()
    made = []
    monkeypatch.setattr(nh3, "clean", lambda html, **_options: made.append(html) or html)
    texts = ["**a** é\n" * 1000, "**a** é\n" * 1001, "short"]
    pages = [[render(text) for text in texts] for _view in range(3)]
    assert pages[0] == pages[1] == pages[2]
    assert len(made) == len(texts)
    assert all(isinstance(html, SafeString) for page in pages for html in page)
    markdown.cache.clear()


def test_what_is_kept_is_bounded_in_bytes(monkeypatch):
    monkeypatch.setattr(markdown.cache, "_Cache__maxsize", 10_000)
    markdown.cache.clear()
    for number in range(50):
        render(f"{number} " + "x" * 1000)
    assert 5_000 < markdown.cache.currsize <= 10_000
    too_large = "y" * 20_000
    assert render(too_large) == render(too_large)
    assert markdown.cache.currsize <= 10_000
    markdown.cache.clear()


def test_what_exceeds_a_budget_is_shown_as_written():
    text = "# <b> & more\n" * 20_000
    assert render(text) == render_plain(text)


@pytest.mark.parametrize("piece", COSTLY)
def test_text_made_to_be_costly_comes_to_an_end(piece):
    # No clock: what grows without bound would not return at all.
    assert_harmless(render((piece * 30_000)[:30_000]))
