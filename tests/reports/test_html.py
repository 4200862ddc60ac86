"""The page of a score report."""

from __future__ import annotations

import html.parser
import re

from asr.metrics import sclite
from asr.metrics.report import ScoreReport
from asr.reports.html import Media, html_report, table


def page(**options: object) -> str:
    references = ["the <b>cat</b> sat", "a & b", ""] * 4
    hypotheses = ["a <b>cat</b> sat down", "a b", ""] * 4
    facts = [{"speaker": f"s{number % 6}"} for number in range(12)]
    report = ScoreReport(references, hypotheses, facts)
    names = [f"u<{number}>" for number in range(12)]
    return "".join(
        html_report(report, names, title="A < B", facts={"model": "a&b"}, **options)
    )


class Reader(html.parser.HTMLParser):
    """Collects tags and the text of the page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_what_texts_hold_is_text_and_nothing_else():
    text = page()
    reader = Reader()
    reader.feed(text)
    for part in ("<b>cat</b>", "u<0>", "A < B", "model: a&b"):
        assert part in reader.text
    assert "&amp;" in text.partition("u&lt;1&gt;")[2].partition("u&lt;2&gt;")[0]
    assert all(link.startswith("#u") for link in reader.links)


def test_heads_of_tables_are_text():
    assert "<th>&lt;img&gt;</thead>" in "".join(table(["<img>"], []))


def test_figures_are_those_of_the_report():
    text = page()
    assert "<p class=wer>50.00%" in text
    assert "drawn by speaker" in text
    assert re.search(r"<h2>By speaker</h2>\n<table>.*<th>speaker<th>utterances", text)
    assert "<s class=I><i>∅</i><b>down</b></s>" in text
    assert text.count("<tr><td>u&lt;") == 12


def utterances(text: str) -> list[str]:
    return re.findall(r"<a id=u(\d+)", text.partition("<h2>Utterances")[2])


def test_the_worst_utterances_come_first():
    references = ["a b c d", "a b", "a", "a b c d e f", ""]
    hypotheses = ["a x y d", "x y", "a", "x b c d e f", "z"]
    report = ScoreReport(references, hypotheses, [{}] * 5)
    text = "".join(html_report(report, list("ABCDE"), title="", facts={}))
    # Of two errors in 4 and in 2 words, and of one in 6 and in none.
    assert utterances(text) == ["1", "0", "4", "3", "2"]
    assert re.findall(r"<a id=u(\d) class=correct>", text) == ["2"]
    assert "<input type=checkbox id=errors-only>" in text
    assert "table.errors-only tr:has(.correct) { display: none }" in text


def test_frequent_errors_link_to_utterances():
    report = ScoreReport(["a b", "b", "c"], ["a x", "x", "c"], [{}] * 3)
    text = "".join(html_report(report, ["<A>", "B", "C"], title="", facts={}))
    row = "<td class=number>2<td>b<td>x<td><a href='#u0'>&lt;A&gt;</a> <a href='#u1'>B"
    assert row in text
    links = re.findall(r"href='#(u\d+)'", text)
    assert set(links) <= set(re.findall(r"<a id=(u\d+)", text))


def test_numbers_are_right_aligned():
    text = "".join(table(["name", "WER %"], [["7", "1.5"]]))
    assert "<td>7<td class=number>1.5" in text
    assert ".number { text-align: right }" in page()


def test_a_page_names_its_origin_and_date():
    text = "".join(
        html_report(
            ScoreReport(["It is"], ["it is."], [{}], normalizer="none-1"),
            ["u"],
            title="",
            facts={"reference": "caf\udce9.trn"},
        )
    )
    assert "<li>reference: caf\\udce9.trn" in text
    assert re.search(r"<li>date: 20\d\d-\d\d-\d\d \d\d:\d\d[+-]", text)
    assert "<li>normalised with english-1 the WER would be 0.0 %" in text


def test_media_are_inside_of_the_page():
    media = {1: Media((b"sound", "audio/flac"), {"map <1>": b"png"})}
    text = page(media=media)
    reader = Reader()
    reader.feed(text)
    assert reader.tags.count("audio") == reader.tags.count("img") == 1
    links = [link for link in reader.links if not link.startswith("#")]
    assert links == [
        "data:audio/flac;base64,c291bmQ=",
        "data:image/png;base64,cG5n",
    ]
    assert "map &lt;1&gt;" in text


def test_alternatives_are_shown_as_they_were_taken():
    report = ScoreReport(["{ um / uh } yes"], ["uh no"], [{}], sclite.align)
    text = "".join(html_report(report, ["u"], title="", facts={}))
    assert "uh <s class=S><i>yes</i><b>no</b></s>" in text
