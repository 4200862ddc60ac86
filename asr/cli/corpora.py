"""Names of corpora on the command line, and fetching them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import click

from asr.cli import progress as progress_bars
from asr.corpora import CORPORA
from asr.corpora import corpus as known
from asr.corpora.obtain import missing, obtain, sources
from asr.corpora.text import TEXT_CORPORA
from asr.corpora.tfds import PREFIX, prepare_tfds

if TYPE_CHECKING:
    from pathlib import Path


log = logging.getLogger(__name__)


class CorpusName(click.Choice[str]):
    """A key of `CORPORA`, one of `TEXT_CORPORA`, or `tfds:NAME`."""

    def __init__(self) -> None:
        super().__init__([*CORPORA, *TEXT_CORPORA])

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """See click."""
        if value.startswith(PREFIX):
            return value
        return super().convert(value, param, ctx)


download = click.option(
    "--download",
    is_flag=True,
    help="Download what is missing and has an address.",
)

no_verify = click.option(
    "--no-verify",
    "verify",
    flag_value=False,
    default=True,
    help="Take archives, too, for which no checksum is known.",
)


def fetch(
    corpus: str, root: Path, subsets: tuple[str, ...] = (), *, verify: bool
) -> None:
    """Fetch what of a corpus is missing; see `missing` and `obtain`."""
    if corpus.startswith(PREFIX):
        prepare_tfds(corpus, root)
        return
    wanted = missing(corpus, root, subsets)
    sizes = [source.archive.size for source in wanted]
    with progress_bars.download(sum(sizes) if all(sizes) else 0) as progress:
        obtain(wanted, root, verify=verify, progress=progress)


def fetch_missing(
    corpus: str, root: Path, subsets: tuple[str, ...], *, verify: bool
) -> None:
    """Fetch what of subsets is not there and has an address.

    Others may be cut from what is there, or be one's own.
    """
    if corpus.startswith(PREFIX):
        prepare_tfds(corpus, root)
        return
    there = known(corpus).subsets(root) if root.exists() else []
    absent = {subset for subset in subsets if subset not in there}
    online = sources(corpus)
    if absent and "-" in online:
        fetch(corpus, root, verify=verify)
    elif found := tuple(subset for subset in online if subset in absent):
        fetch(corpus, root, found, verify=verify)
    for subset in sorted(absent.difference(online, known(corpus).subsets(root))):
        log.warning("%s: nowhere to download %s from", root, subset)
