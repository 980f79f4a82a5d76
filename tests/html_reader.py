"""HTML as a strict reader sees it."""

from html.parser import HTMLParser

VOID = {"meta", "img", "br", "hr"}


class Reader(HTMLParser):
    """Checks that every element is closed in order, and gathers addresses and text."""

    def __init__(self, page: str):
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.addresses: list[str] = []
        self.ids: list[str] = []
        self.text = ""
        self.feed(page)
        assert not self.open, f"left open: {self.open}"

    def handle_starttag(self, tag, attributes):
        self.seen.append(tag)
        values = dict(attributes)
        self.addresses += [values[key] for key in ("src", "href", "srcset") if key in values]
        self.ids += [values["id"]] if "id" in values else []
        if tag == "img":
            assert values["alt"].strip()
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data
