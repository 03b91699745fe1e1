"""Reads a page as a screen reader and a strict browser would, and tells what is wrong."""

import re
from html.parser import HTMLParser

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}
# These need a name that is read aloud; for hidden and button-like inputs, see `unlabelled`.
CONTROLS = {"input", "select", "textarea"}
NAMED = {"a", "button", "summary"}
NAMES = ("aria-label", "aria-labelledby", "title")
NAMELESS = {"hidden", "submit", "reset", "button", "image"}
REFERENCES = ("aria-labelledby", "aria-describedby", "aria-controls", "aria-owns", "list", "form")
LOADING = ("src", "srcset", "action", "formaction", "poster")
ELSEWHERE = re.compile(r"(?:[a-z]+:)?//|javascript:", re.I)
HEADING = re.compile("h[1-6]")


class Page(HTMLParser):
    """One page, read once; `faults` is what is wrong with it."""

    def __init__(self, html):
        super().__init__()
        self.faults, self.ids, self.refers, self.headings, self.open = [], [], [], [], []
        self.controls, self.labels, self.language, self.title, self.mains = [], set(), "", "", 0
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.note_inline(tag, attrs)
        if "id" in attrs:
            self.ids.append(attrs["id"])
        for word in REFERENCES:
            self.refers += [(word, name) for name in (attrs.get(word) or "").split()]
        if tag == "html":
            self.language = attrs.get("lang", "")
        elif tag == "main":
            self.mains += 1
        elif tag == "img":
            if "alt" not in attrs:
                self.faults.append(f"a picture without alt: {attrs.get('src')}")
            self.add_text(attrs.get("alt") or "")
        elif tag == "label" and attrs.get("for"):
            self.refers.append(("for", attrs["for"]))
            self.labels.add(attrs["for"])
        if tag in CONTROLS and attrs.get("type") not in NAMELESS and "hidden" not in attrs:
            wrapped = any(name == "label" for name, _attrs, _text in self.open)
            self.controls.append((attrs, wrapped))
        if tag not in VOID:
            self.open.append((tag, attrs, []))

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag):
        if tag in VOID or all(name != tag for name, _attrs, _text in self.open):
            return
        while True:
            name, attrs, texts = self.open.pop()
            text = " ".join("".join(texts).split())
            self.closed(name, attrs, text)
            if attrs.get("aria-hidden") != "true":
                self.add_text("".join(texts))
            if name == tag:
                return

    def handle_data(self, data):
        tag, attrs, _texts = self.open[-1] if self.open else ("", {}, [])
        if tag not in ("script", "style"):
            self.add_text(data)
        elif data.strip() and attrs.get("type") != "application/json":
            self.faults.append(f"inline {tag}: {data.strip()[:60]}")

    def add_text(self, text):
        if self.open:
            self.open[-1][2].append(text)

    def closed(self, name, attrs, text):
        """Judge an element whose text is complete."""
        if any(tag == "template" for tag, _attrs, _text in self.open):
            return  # a script completes it
        if name == "title":
            self.title = self.title or text
        elif HEADING.fullmatch(name):
            # What a person wrote has its own order, below ours.
            written = any("prose" in (attrs.get("class") or "") for _tag, attrs, _text in self.open)
            if name == "h1" or not written:
                self.headings.append((int(name[1]), text))
        elif name in NAMED and not (text or any(attrs.get(word) for word in NAMES)):
            self.faults.append(f"{name} without a name: {attrs}")
        elif name == "label" and not text:
            self.faults.append(f"empty label: {attrs}")
        elif name == "p" and "。 " in text:
            self.faults.append(f"a space between Japanese sentences: {text}")

    def note_inline(self, tag, attrs):
        """Judge what a Content-Security-Policy would stop."""
        for name, value in attrs.items():
            if name == "style" or name.startswith("on"):
                self.faults.append(f"inline {name} on {tag}")
            # What a person wrote may lead elsewhere; nothing may load from there.
            loads = name in LOADING or (name == "href" and tag == "link")
            if loads and ELSEWHERE.match((value or "").strip()):
                self.faults.append(f"{tag} from elsewhere: {value}")
        if tag == "style":
            self.faults.append("a style element")

    def judge(self, language):
        """Return everything that is wrong with the page, given the language it should be in."""
        faults = list(self.faults)
        if self.language != language:
            faults.append(f"language {self.language!r} instead of {language!r}")
        if len(self.title) < 8:  # more than " · Camp"
            faults.append(f"no title: {self.title!r}")
        if self.mains != 1:
            faults.append(f"{self.mains} main elements")
        faults += self.wrong_headings()
        faults += [f"id twice: {name}" for name in set(self.ids) if self.ids.count(name) > 1]
        faults += [
            f"{word} leads nowhere: {name}" for word, name in self.refers if name not in self.ids
        ]
        return faults + self.unlabelled()

    def wrong_headings(self):
        levels = [level for level, _text in self.headings]
        if levels.count(1) != 1:
            yield f"{levels.count(1)} first headings"
        for before, after in zip([0, *levels], levels, strict=False):
            if after > before + 1:
                yield f"heading level jumps from {before} to {after}"
        yield from (f"empty heading h{level}" for level, text in self.headings if not text)

    def unlabelled(self):
        return [
            f"a control without a label: {attrs}"
            for attrs, wrapped in self.controls
            if not wrapped
            and attrs.get("id") not in self.labels
            and not any(attrs.get(word) for word in NAMES)
        ]
