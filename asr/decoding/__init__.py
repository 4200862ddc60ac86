"""Search for the best hypothesis over any step function; imports nothing of the model.

Shape letters as in `asr.model`: B batch, K beam, R CTC frames, V vocabulary; L is the
longest hypothesis.
"""
