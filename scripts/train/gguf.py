"""Just enough of the GGUF file format (version 3) to write one and read it back.

Layout: magic, version, counts; the metadata, each a key, a type and a value; the
tensor table; then the tensors' bytes, each aligned to 32.  A tensor's dimensions
are stored fastest first, so a NumPy array (rows, columns) has (columns, rows).
"""
import struct

import numpy as np

MAGIC, VERSION, ALIGNMENT = b"GGUF", 3, 32
UINT32, INT32, FLOAT32, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9
SCALARS = {UINT32: "<I", INT32: "<i", FLOAT32: "<f", BOOL: "<?"}
TENSOR_TYPES = {np.dtype(np.float32): 0, np.dtype(np.float16): 1}


def pack_string(text):
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def pack_value(value, of=None):
    """(type, bytes) of a Python value; ints are uint32, or int32 inside arrays."""
    if isinstance(value, bool):
        return BOOL, struct.pack("<?", value)
    if isinstance(value, int):
        return (INT32, struct.pack("<i", value)) if of else (UINT32, struct.pack("<I", value))
    if isinstance(value, float):
        return FLOAT32, struct.pack("<f", value)
    if isinstance(value, str):
        return STRING, pack_string(value)
    items = [pack_value(v, of=ARRAY) for v in value]
    return ARRAY, struct.pack("<IQ", items[0][0], len(items)) + b"".join(b for _, b in items)


def write(path, metadata, tensors):
    """metadata: key -> value; tensors: name -> float16 or float32 array, in file order."""
    head = MAGIC + struct.pack("<Iqq", VERSION, len(tensors), len(metadata))
    for key, value in metadata.items():
        kind, data = pack_value(value)
        head += pack_string(key) + struct.pack("<I", kind) + data
    body = b""
    for name, array in tensors.items():
        head += pack_string(name) + struct.pack(f"<I{array.ndim}q", array.ndim, *array.shape[::-1])
        head += struct.pack("<IQ", TENSOR_TYPES[array.dtype], len(body))
        body += array.tobytes() + bytes(-array.nbytes % ALIGNMENT)
    with open(path, "wb") as file:
        file.write(head + bytes(-len(head) % ALIGNMENT) + body)


class Reader:
    """metadata: key -> value; tensors: name -> array."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self.data, self.at = file.read(), 0
        magic, version, n_tensors, n_keys = self.take("<4sIqq")
        assert (magic, version) == (MAGIC, VERSION), f"{path}: not a GGUF version 3 file"
        self.metadata = {}
        for _ in range(n_keys):
            key = self.string()
            self.metadata[key] = self.value(*self.take("<I"))
        table = [self.tensor_entry() for _ in range(n_tensors)]
        start = self.at + -self.at % ALIGNMENT
        self.tensors = {name: np.frombuffer(self.data, dtype, int(np.prod(shape)), start + offset)
                        .reshape(shape) for name, shape, dtype, offset in table}

    def take(self, format):
        fields = struct.unpack_from(format, self.data, self.at)
        self.at += struct.calcsize(format)
        return fields

    def string(self):
        length, = self.take("<Q")
        self.at += length
        return self.data[self.at - length:self.at].decode()

    def value(self, kind):
        if kind == STRING:
            return self.string()
        if kind == ARRAY:
            of, n = self.take("<IQ")
            return [self.value(of) for _ in range(n)]
        return self.take(SCALARS[kind])[0]

    def tensor_entry(self):
        name, (n_dims,) = self.string(), self.take("<I")
        shape = self.take(f"<{n_dims}q")[::-1]
        kind, offset = self.take("<IQ")
        return name, shape, {v: k for k, v in TENSOR_TYPES.items()}[kind], offset
