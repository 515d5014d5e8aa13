"""Uses names that no program used before, in four ways: churn.py ROOT FROM BELOW. Fails if one is not what it should be."""

import os
import sys

root, first, below = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
for i in range(first, below):
    directory = f"{root}/names/d{i // 200}"
    if i % 4 == 0:
        found = os.path.isfile(f"{directory}/f{i}.bin")
    elif i % 4 == 1:
        with open(f"{directory}/f{i}", "rb", 0) as file:
            found = len(file.read(4096)) == 4096
    elif i % 4 == 2:
        found = os.listdir(f"{directory}/d{i}") == ["0.bin"]
    else:
        found = not os.path.exists(f"{directory}/m{i}")
    if not found:
        sys.exit(f"{directory}: number {i} is not what it should be")
