#!/usr/bin/env bash
# Makes the virtual environment of the peer benchmark.
#
#   benches/peers/setup.sh [FOLDER]      default: target/peers-venv of the project
#
# PYTHON names the interpreter (default python3.11); needs g++, about 2.5 GB of downloads
# and 7 GB of disk. Running it again does nothing until requirements.txt or this file changes.
#
# PyTorch: the Linux wheel is the one with CUDA. It was tried without the NVIDIA packages
# and `import torch` fails then, since the library is linked against them; requirements.txt
# therefore holds those it is linked against, and leaves out the rest. On a machine with
# little disk, put a CPU-only build of the same version into the environment instead.
#
# fastText: built from its source package for this processor, with the optimization flags
# of its own Makefile (its setup.py drops them), and from the same sources the `fasttext`
# program, which the package does not install. One line is mended: version 0.9.3 gives only
# a tenth of the input matrix a thread its starting values and no longer clears the rest,
# so that training in Python often starts from leftovers and stops with "Encountered NaN".
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
venv=${1:-$here/../../target/peers-venv}
python=${PYTHON:-python3.11}
requirements=$here/requirements.txt
stamp=$venv/setup.sha256
hash=$(cat "$requirements" "$here/setup.sh" | sha256sum | cut -d' ' -f1)

say() { printf '\n== %s\n' "$*"; }
fail() { printf 'setup.sh: %s\n' "$*" >&2; exit 1; }

if [[ -f $stamp && $(<"$stamp") == "$hash" ]]; then
    echo "$venv is up to date"
    exit 0
fi

[[ $(uname -sm) == "Linux x86_64" ]] ||
    fail "the pins are for Linux on x86-64, this is $(uname -sm); install keras, tensorflow, torch and fasttext by hand"
command -v "$python" >/dev/null || fail "no $python; install CPython 3.11 or set PYTHON to it"
[[ $("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])') == 3.11 ]] ||
    fail "$python is not CPython 3.11, for which the versions are pinned; set PYTHON to one"
command -v g++ >/dev/null || fail "no g++, which fastText is built with; install it"

say "virtual environment in $venv"
mkdir -p "$venv"
venv=$(cd "$venv" && pwd)
stamp=$venv/setup.sha256
rm -f "$stamp"
"$python" -m venv "$venv"
pip=("$venv/bin/python" -m pip --disable-pip-version-check)

say "packages"
fasttext=$(grep '^fasttext==' "$requirements")
grep -v '^fasttext==' "$requirements" >"$venv/wheels.txt"
"${pip[@]}" install --no-deps --only-binary :all: -r "$venv/wheels.txt"

say "$fasttext: source package"
source=$venv/fasttext-src
rm -rf "$source" && mkdir "$source"
"${pip[@]}" download --no-deps --no-build-isolation --no-binary fasttext -d "$source" "$fasttext"
tar -xzf "$source"/fasttext-*.tar.gz -C "$source" --strip-components=1
sed -i 's/^\( *\)input->uniform(/\1input->zero();\n&/' "$source/src/fasttext.cc"
grep -q 'input->zero();' "$source/src/fasttext.cc" ||
    fail "$fasttext has no input->uniform( in src/fasttext.cc; look whether the mended line is still needed"

say "$fasttext: Python package"
flags="-O3 -funroll-loops -march=native -DNDEBUG"
CFLAGS=$flags CXXFLAGS=$flags "${pip[@]}" install --verbose --no-deps --no-build-isolation --no-cache-dir \
    --force-reinstall "$source"

say "$fasttext: command line program"
# shellcheck disable=SC2086  # the flags are several words
(set -x; g++ -std=c++17 $flags -pthread "$source"/src/*.cc -o "$venv/bin/fasttext")

say "check"
TF_CPP_MIN_LOG_LEVEL=2 "$venv/bin/python" - <<'PYTHON'
import fasttext, keras, numpy, sklearn, tensorflow, torch, transformers
from importlib.metadata import version

for name in ("numpy", "scikit-learn", "tensorflow-cpu", "keras", "torch", "transformers", "fasttext"):
    print(f"{name:15} {version(name)}")
PYTHON
echo "$hash" >"$stamp"
say "done: $venv"
