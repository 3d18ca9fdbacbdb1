"""Do the engines compute the same? Cosines of a peer's pooled vector with that of smx on the same tokens."""
import array
import json
import math

from install import run

# smx's BERT is the reference's: with one product more, `hidden_mapping_in`, and the other gelu.
COMPARED_SIZE = "sparse-mixer-base"


def write_safetensors(path, arrays):
    """int32 arrays of [1, length]."""
    header, begin = {}, 0
    for name, values in arrays.items():
        end = begin + 4 * len(values)
        header[name] = {"dtype": "I32", "shape": [1, len(values)], "data_offsets": [begin, end]}
        begin = end
    text = json.dumps(header).encode()
    data = b"".join(array.array("i", values).tobytes() for values in arrays.values())
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


def read_floats(path, name):
    content = path.read_bytes()
    begin = 8 + int.from_bytes(content[:8], "little")
    first, last = json.loads(content[8:begin])[name]["data_offsets"]
    return array.array("f", content[begin + first:begin + last]).tolist()


def smx_pooled(smx, model, ids, folder):
    given, computed = folder / "input.safetensors", folder / "output.safetensors"
    write_safetensors(given, {"input_ids": ids, "type_ids": [0] * len(ids)})
    run("smx run", [smx, "run", model, "--input", given, "--output", computed])
    return read_floats(computed, "pooled_output")


def cosine(a, b):
    return sum(x * y for x, y in zip(a, b)) / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))


def add_cosines(rows, answers, smx, model, folder):
    """To the rows of the peers; `answers` has the file that each worker wrote."""
    ours = None
    for row in rows:
        if row["engine"] not in answers:
            continue
        answer = json.loads(answers[row["engine"]].read_text(encoding="ascii"))
        ours = ours or smx_pooled(smx, model, answer["input_ids"], folder)
        row["cosine_with_smx"] = round(cosine(answer["pooled"], ours), 4)
