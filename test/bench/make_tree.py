"""Makes the trees that the bench pushes, the same bytes for the same arguments.

    make_tree.py files FOLDER COUNT LEAST MOST    COUNT files of LEAST to MOST bytes, 100 a folder
    make_tree.py change FOLDER COUNT ROUND        new content for one file in a hundred, others in each round
    make_tree.py blob FILE BYTES                  one file of random bytes
    make_tree.py sparse FILE BYTES PIECES PIECE   one file of holes, and so many pieces of data
    make_tree.py overwrite FILE PIECES PIECE ROUND   so many pieces of a file anew, at places of 4 KiB
"""

import os
import random
import sys

FILES_A_FOLDER = 100
MIB = 1 << 20


def path_of(folder, number):
    return f"{folder}/{number // FILES_A_FOLDER:05d}/file-{number:07d}"


def write_file(path, content):
    with open(path, "wb", buffering=0) as file:
        file.write(content)


def files(folder, count, least, most):
    source = random.Random(1)
    for number in range(count):
        path = path_of(folder, number)
        if number % FILES_A_FOLDER == 0:
            os.makedirs(os.path.dirname(path), exist_ok=True)
        # The number makes each content differ, however small it is.
        head = f"{number:08d}\n".encode()
        length = source.randint(least, most)
        write_file(path, (head + source.randbytes(max(0, length - len(head))))[:length])


def change(folder, count, round_number):
    source = random.Random(1000 + round_number)
    for number in range(round_number % 100, count, 100):
        path = path_of(folder, number)
        write_file(path, source.randbytes(os.stat(path).st_size))


def blob(path, length):
    source = random.Random(2)
    with open(path, "wb", buffering=0) as file:
        for begin in range(0, length, MIB):
            file.write(source.randbytes(min(MIB, length - begin)))


def pieces_into(path, pieces, piece, source):
    with open(path, "r+b", buffering=0) as file:
        places = os.fstat(file.fileno()).st_size - piece
        for _ in range(pieces):
            file.seek(source.randint(0, places // 4096) * 4096)
            file.write(source.randbytes(piece))


def sparse(path, length, pieces, piece):
    with open(path, "wb") as file:
        file.truncate(length)
    pieces_into(path, pieces, piece, random.Random(3))


def overwrite(path, pieces, piece, round_number):
    pieces_into(path, pieces, piece, random.Random(2000 + round_number))


action, target, *numbers = sys.argv[1:]
actions = {"files": files, "change": change, "blob": blob, "sparse": sparse, "overwrite": overwrite}
actions[action](target, *map(int, numbers))
