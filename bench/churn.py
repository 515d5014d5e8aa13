"""Uses names that no program used before, of four kinds: churn.py ROOT FROM BELOW. Fails if one is not what it should be."""

import os
import sys

root, first, below = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
for i in range(first, below):
    directory = f"{root}/d{i // 200}"
    if i % 4 == 0:
        os.stat(f"{directory}/f{i}.bin")
    elif i % 4 == 1:
        with open(f"{directory}/f{i}", "rb") as file:
            if len(file.read()) != 1 + i % 5000:
                sys.exit(f"f{i} has another length")
    elif i % 4 == 2:
        if len(os.listdir(f"{directory}/d{i}")) != 20:
            sys.exit(f"d{i} has other entries")
    elif os.path.exists(f"{directory}/m{i}"):
        sys.exit(f"m{i} exists")
