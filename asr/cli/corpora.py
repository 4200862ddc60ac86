"""Corpora on the command line: names, options and downloads."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import click

from asr.cli import progress as progress_bars
from asr.cli.options import option
from asr.corpora import CORPORA
from asr.corpora import corpus as known
from asr.corpora.obtain import missing, obtain, sources
from asr.corpora.text import TEXT_CORPORA
from asr.corpora.tfds import PREFIX, prepare_tfds
from asr.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from pathlib import Path


log = logging.getLogger(__name__)


class CorpusName(click.Choice[str]):
    """One of some names of corpora, or `tfds:NAME`."""

    def convert(self, value: str, *_: Any) -> str:
        """Accept `tfds:NAME` as well; suggest the nearest name for an unknown one."""
        if value.startswith(PREFIX) or value in self.choices:
            return value
        hint = did_you_mean(value, list(self.choices))
        raise UsageError(f"no corpus {value!r}{hint}")


corpus_name = CorpusName([*CORPORA, *TEXT_CORPORA])

download = option("--download", bool, "Download missing parts that have an address.")

_UNVERIFIED = {"flag_value": False, "default": True, "show_default": False}
no_verify = option(
    "--no-verify verify", bool, "Accept archives without a checksum.", **_UNVERIFIED
)


def fetch(
    corpus: str, root: Path, subsets: tuple[str, ...] = (), *, verify: bool
) -> None:
    """Download the missing parts of a corpus; see `missing` and `obtain`."""
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
    """Download missing subsets that have an address; warn about the others."""
    if corpus.startswith(PREFIX):
        fetch(corpus, root, verify=verify)
        return
    present = known(corpus).subsets(root) if root.exists() else []
    absent = set(subsets).difference(present)
    online = sources(corpus)
    if absent and "-" in online:
        fetch(corpus, root, verify=verify)
    elif available := tuple(subset for subset in online if subset in absent):
        fetch(corpus, root, available, verify=verify)
    for subset in sorted(absent.difference(online, known(corpus).subsets(root))):
        log.warning("%s: %s has no download address", root, subset)
