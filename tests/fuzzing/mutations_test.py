"""The fuzzers' mutations: bounded whatever they are put together to, and the same for the same seed."""

import json
import random

from tests.fuzzing.mutations import Vocabulary, cut, flip_bytes, is_writable, mutate

VOCABULARY = Vocabulary(["null", "é"], ["[", "x"], [3, 70_000], [None, "x" * 99, []])
MUTATIONS = [flip_bytes, cut, VOCABULARY.insert_words, VOCABULARY.repeat, VOCABULARY.change_json]


def test_what_was_multiplied_in_itself_is_not_written() -> None:
    tree: list[object] = ["x"]
    for _ in range(9):
        tree = [tree] * 100
    assert not is_writable(tree)


def test_what_holds_itself_is_not_written() -> None:
    tree: list[object] = []
    tree.append(tree)
    assert not is_writable({"tree": tree})


def test_an_answer_of_many_parts_is_written() -> None:
    assert is_writable([{"name": "x" * 50}] * 1000)


def test_json_of_lists_in_lists_stays_small() -> None:
    nested = json.dumps([[[[["x" * 20]] * 10] * 10] * 5]).encode()
    sizes = [len(VOCABULARY.change_json(nested, random.Random(seed))) for seed in range(500)]
    assert max(sizes) > len(nested)
    assert max(sizes) < 4_000_000


def test_the_same_seed_makes_the_same_inputs() -> None:
    def made(seed: str) -> list[bytes]:
        return [mutate([b'{"a": [1, {"b": "c"}]}'], MUTATIONS, random.Random(f"{seed}/{n}"), 1000) for n in range(200)]

    assert made("1") == made("1") != made("2")
    assert max(map(len, made("1"))) == 1000
