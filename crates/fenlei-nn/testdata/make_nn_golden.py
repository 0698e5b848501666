"""Writes what PyTorch computes, for tests/golden.rs and tests/golden_nets.rs to compare with.

    pip install torch numpy
    python crates/fenlei-nn/testdata/make_nn_golden.py [--into FOLDER] [losses optimizers net-kim-2014 ...]

Each function in GOLDENS makes one JSON file: a list of cases, each with its description (as the engine's own
configuration reads it), its inputs and its outputs. Everything is float64 and drawn from fixed seeds, so that the
files change only when the functions do. To add a golden file, write a function that returns its cases into a module of
nn_golden and list it in GOLDENS.

The files net-*.json hold the nets of the recipes. They have a function each in nn_golden/nets.py, and one reading of
the descriptions in PyTorch, nn_golden/torch_net.py. A file stays below 60 KB.
"""

import argparse
import json
import pathlib

from nn_golden import layers, losses, nets, optimizers, schedules

GOLDENS = {
    "losses": losses.losses,
    "optimizers": optimizers.optimizers,
    "schedules": schedules.schedules,
    "layers": layers.layers,
    "net-appendix-c": nets.net_appendix_c,
    "net-chapter-8": nets.net_chapter_8,
    "net-kim-2014": nets.net_kim_2014,
    "net-dpcnn": nets.net_dpcnn,
    "net-char-cnn": nets.net_char_cnn,
    "net-one-hot-cnn": nets.net_one_hot_cnn,
    "net-cnn": nets.net_cnn,
    "net-bag": nets.net_bag,
    "net-mlp": nets.net_mlp,
    "net-recurrent": nets.net_recurrent,
    "net-encoder": nets.net_encoder,
    "net-decoder": nets.net_decoder,
    "net-lstm": nets.net_lstm,
    "net-gru": nets.net_gru,
    "net-rcnn": nets.net_rcnn,
    "net-transformer": nets.net_transformer,
}


def main():
    parser = argparse.ArgumentParser(description="Writes the golden files of the engine.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="which; all of them by default")
    parser.add_argument("--into", type=pathlib.Path, default=pathlib.Path(__file__).parent, help="a folder")
    args = parser.parse_args()
    for name in args.names or GOLDENS:
        cases = GOLDENS[name]()
        lines = ",\n".join(json.dumps(case) for case in cases)
        (args.into / f"{name}.json").write_text(f"[\n{lines}\n]\n")
        print(f"{name}.json: {len(cases)} cases")


if __name__ == "__main__":
    main()
