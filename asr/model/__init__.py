"""The encoder-decoder network: tensors in, tensors out; no files, texts or corpora.

    samples (B, N)
      | frontend.LogMel, or token_embedding.TokenEmbedding for texts
    features (B, T, F)
      | spec_augment.SpecAugment, in training
      | encoder.Encoder: Conv1D, then a layer of gru or transformer.Transformer
    states (B, R, 2H) ---- ctc_heads: characters (B, R, V), phones (B, R, P)
      | encoder.Encoder: neighbouring states joined
    memory (B, S, D)
      | decoder.Decoder: decoder_cell.advance = gru_cell.gru_step + attention.attend
    logits (B, U, V), attention weights (B, U, S)

Reading order: `gru_cell` -> `attention` -> `bahdanau` -> `decoder_cell` -> `decoder` ->
`encoder` -> `seq2seq`, which joins all parts and adds up the `losses`. `ops` holds
masks and loops. `kernels` holds faster derivatives of the same equations: read it last,
or not at all. Variations of one part: `lstm_cell`, `luong`, `multi_head`,
`fixed_vector` (no attention; `attention_variants` lists all kinds), `transformer`,
`simple_attention`, `classifier` (one class instead of a text), `labeller` (a label for
each token of a text), `pointer_generator` (copies source tokens).

One utterance with its shapes through every layer: `docs/model.md`.

Shape letters of all docstrings and tail comments:

    B  batch                      U  tokens of the text
    N  samples, or source tokens  K  hypotheses of an utterance; 1 in training
    T  input frames               V  vocabulary
    F  mel bins                   D  size of a memory frame
    R  encoder states             A  attention units
    S  memory frames              H  units of a GRU, in one direction
"""
