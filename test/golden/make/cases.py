"""How the scripts beside this one write down what Diffusers drew: a row of `cases.json` to each case, the tensors in order of their names."""
import json

from safetensors.torch import save_file

ORACLE = "diffusers 0.42.1, transformers 5.23.0"


def write_cases(folder, rows, tensors):
    save_file({key: tensors[key] for key in sorted(tensors)}, folder / "pictures.safetensors")
    lines = ",\n".join("  " + json.dumps(row) for row in rows)
    (folder / "cases.json").write_text(f'{{\n "oracle": {json.dumps(ORACLE)},\n "cases": [\n{lines}\n ]\n}}\n')
