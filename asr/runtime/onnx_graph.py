"""Writes ONNX graphs: nodes, weights and sub-graphs, as protocol buffer bytes.

Only what our graphs use is here, so that neither making nor running a model needs the
`onnx` package, and a graph is made in milliseconds whenever a model is loaded.

Reference:
    onnx/onnx.proto3 of the ONNX project; the numbers below are its field numbers.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import TypeAlias

import numpy as np

OPSET, IR_VERSION = 18, 8
_KINDS = {"float32": 1, "int32": 6, "int64": 7, "bool": 9, "float64": 11}
_EXTERNAL = 1

Shape = Sequence[int | str]
Attribute: TypeAlias = "int | float | str | Sequence[int] | Graph"


def _number(value: int) -> bytes:
    """Encode a whole number as a varint; negative ones as 64-bit complement."""
    value &= (1 << 64) - 1
    encoded = bytearray()
    while value > 127:
        encoded.append(value & 127 | 128)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def _field(number: int, value: int | float | str | bytes) -> bytes:
    """Encode one field of a message; nested messages come as bytes."""
    if isinstance(value, int):
        return _number(number << 3) + _number(value)
    if isinstance(value, float):
        return _number(number << 3 | 5) + struct.pack("<f", value)
    content = value.encode() if isinstance(value, str) else value
    return _number(number << 3 | 2) + _number(len(content)) + content


def _fields(number: int, values: Iterable[int | str | bytes]) -> bytes:
    return b"".join(_field(number, value) for value in values)


def _tensor(name: str, array: np.ndarray, *, external: bool) -> bytes:
    """Encode a TensorProto, or a reference to one that the session is given."""
    head = _fields(1, array.shape) + _field(2, _KINDS[array.dtype.name])
    if external:
        place = _field(13, _field(1, "location") + _field(2, "weights"))
        return head + _field(8, name) + place + _field(14, _EXTERNAL)
    return head + _field(8, name) + _field(9, array.tobytes())


def _value_info(name: str, kind: str, shape: Shape) -> bytes:
    dims = b"".join(
        _field(1, _field(1 if isinstance(size, int) else 2, size)) for size in shape
    )
    tensor = _field(1, _KINDS[kind]) + _field(2, dims)
    return _field(1, name) + _field(2, _field(1, tensor))


class Graph:
    """A graph under construction; values are known by their names.

    Args:
        name: Name of the graph, which begins the names of its values.
        outer: The graph whose node this is the body of; it holds the weights.

    Attributes:
        weights: Arrays that the graph reads, by name.
    """

    def __init__(self, name: str = "asr", *, outer: Graph | None = None) -> None:
        self.name, self._outer = name, outer
        self.weights: dict[str, np.ndarray] = outer.weights if outer else {}
        self._small: set[str] = outer._small if outer else set()
        self._nodes: list[bytes] = []
        self._inputs: list[bytes] = []
        self._outputs: list[bytes] = []
        self._count = 0

    def own(self, name: str) -> str:
        """Return a name that the outer graph does not have."""
        return f"{self.name}_{name}" if self._outer else name

    def input(self, name: str, kind: str, shape: Shape) -> str:
        """Declare an input; named dimensions are open."""
        self._inputs.append(_value_info(name, kind, shape))
        return name

    def output(self, name: str, value: str, kind: str, shape: Shape) -> None:
        """Give a value out under a name."""
        self._node("Identity", [value], [name], {})
        self._outputs.append(_value_info(name, kind, shape))

    def weight(self, name: str, array: np.ndarray) -> str:
        """Add an array of weights, float32; the same name twice is the same array."""
        self.weights.setdefault(name, np.ascontiguousarray(array, "float32"))
        return name

    def constant(
        self, value: float | Sequence[float] | np.ndarray, kind: str = "float32"
    ) -> str:
        """Add a small constant, which becomes part of the graph itself."""
        array = np.asarray(value, dtype=kind)
        name = f"constant_{kind}_{array.shape}_{array.tobytes().hex()}"
        self.weights[name] = array
        self._small.add(name)
        return name

    def ints(self, *values: int) -> str:
        """Add a constant list of whole numbers, as shapes and axes are given."""
        return self.constant(values, "int64")

    def op(self, kind: str, *inputs: str, **attributes: Attribute) -> str:
        """Add a node with one output, and return the name of that."""
        return self.ops(kind, *inputs, count=1, **attributes)[0]

    def ops(
        self, kind: str, *inputs: str, count: int, **attributes: Attribute
    ) -> list[str]:
        """Add a node with several outputs."""
        self._count += 1
        names = [f"{self.name}/{kind}_{self._count}_{i}" for i in range(count)]
        self._node(kind, inputs, names, attributes)
        return names

    def _node(
        self,
        kind: str,
        inputs: Sequence[str],
        outputs: Sequence[str],
        attributes: dict[str, Attribute],
    ) -> None:
        encoded = b"".join(
            _field(5, _attribute(name, value)) for name, value in attributes.items()
        )
        self._nodes.append(
            _fields(1, inputs) + _fields(2, outputs) + _field(4, kind) + encoded
        )

    def encoded(self, *, external: bool = False) -> bytes:
        """Return the GraphProto; with `external`, large weights are left out of it."""
        mine = {} if self._outer else self.weights
        tensors = [
            _tensor(name, array, external=external and name not in self._small)
            for name, array in mine.items()
        ]
        return (
            _fields(1, self._nodes)
            + _field(2, self.name)
            + _fields(5, tensors)
            + _fields(11, self._inputs)
            + _fields(12, self._outputs)
        )

    def model(self, *, external: bool = False) -> bytes:
        """Return the ModelProto, which is the content of an `.onnx` file.

        Args:
            external: Whether to leave large weights out; the session is then given
                those of `external_weights`.
        """
        return (
            _field(1, IR_VERSION)
            + _field(2, "asr")
            + _field(7, self.encoded(external=external))
            + _field(8, _field(1, "") + _field(2, OPSET))
        )

    def external_weights(self) -> dict[str, np.ndarray]:
        """Return the weights that `model(external=True)` leaves out."""
        return {k: v for k, v in self.weights.items() if k not in self._small}


def _attribute(name: str, value: Attribute) -> bytes:
    """Encode an AttributeProto with the type that the value has."""
    if isinstance(value, Graph):
        body, kind = _field(6, value.encoded()), 5
    elif isinstance(value, int):
        body, kind = _field(3, value), 2
    elif isinstance(value, float):
        body, kind = _field(2, value), 1
    elif isinstance(value, str):
        body, kind = _field(4, value), 3
    else:
        body, kind = _fields(8, value), 7
    return _field(1, name) + body + _field(20, kind)
