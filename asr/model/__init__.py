"""The encoder-decoder core; knows neither files, text nor corpora.

Shape letters of all docstrings and tail comments: B batch, N samples, T input frames,
S memory frames, R encoder states (CTC frames), U tokens, F mel bins, D memory size,
A attention units, V vocabulary, K beam (hypotheses of one utterance; 1 in training),
H units of a recurrent layer.
"""
