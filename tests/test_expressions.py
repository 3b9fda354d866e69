"""The expression language: what it means, what it refuses, and that nothing gets out of it."""

from __future__ import annotations

import time

import pytest

from app.engine import expressions

DATA = {
    "nilai": 7,
    "nama": "Budi",
    "setuju": True,
    "kosong": None,
    "daftar": [1, 2, 3],
    "tka": {"nama": "Ann", "lokasi": [{"provinsi": "Kaltim"}], "paspor": {"sampai": "2027-01-31"}},
    "keys": "isi",
    "besar": 10**40,
    "benda": object(),
}

VALUES = [
    ("nilai", 7),
    ("=nilai", 7),
    ("= nilai > 5", True),
    ("${nilai > 5}", True),
    ("#{nilai > 5}", True),
    ("${nilai} > ${daftar[2]}", True),
    ("nilai = 7", True),
    ("nilai == 7 && nama != 'Ani'", True),
    ("!setuju || nilai <= 6", False),
    ("not(setuju)", False),
    ("setuju = true and kosong = null", True),
    ("kosong is None", True),
    ("nama is not None", True),
    ("tka.nama", "Ann"),
    ("tka['nama']", "Ann"),
    ("tka.lokasi[0].provinsi", "Kaltim"),
    ("tka.lokasi[9].provinsi", None),
    ("tka.nama.depan", None),
    ("tka.tidak.ada", None),
    ("tidak_ada", None),
    ("tidak_ada < 5", False),
    ("tidak_ada >= 5", False),
    ("5 < kosong", False),
    ("kosong == None", True),
    ("nilai < 'tujuh'", False),
    ("1 < nilai < 9", True),
    ("1 < nilai < 3", False),
    ("tka.paspor.sampai > '2026-11-23'", True),
    ("nilai in [6, 7]", True),
    ("nilai not in (6, 7)", False),
    ("'ud' in nama", True),
    ("3 in nama", False),
    ("'nama' in tka", True),
    ("nilai in kosong", False),
    ("nilai not in kosong", True),
    ("nilai * 2 + 1 - 3", 12),
    ("nilai / 2", 3.5),
    ("nilai // 2 + nilai % 2", 4),
    ("-nilai", -7),
    ("+nilai", 7),
    ("nilai / 0", None),
    ("nilai % 0", None),
    ("kosong + 1", None),
    ("-kosong", None),
    ("nama + 1", None),
    ("nama + '!'", "Budi!"),
    ("nama * 3", None),
    ("nama % 3", None),
    ("daftar + daftar", None),
    ("besar + 1", None),
    ("1e14 * 1e14 * 1e14", None),
    ("len(daftar) + len(nama)", 7),
    ("len(nilai)", None),
    ("min(daftar) + max(3, nilai)", 8),
    ("max(nama, nilai)", None),
    ("min([])", None),
    ("sum(daftar)", 6),
    ("sum(nama)", None),
    ("abs(-nilai)", 7),
    ("round(2.5678, 2)", 2.57),
    ("round(2.6)", 3),
    ("round(nilai, 0 - 9)", None),
    ("'tinggi' if nilai > 5 else 'rendah'", "tinggi"),
    ("'a = b && null'", "a = b && null"),
    ("[1, 'dua', none]", [1, "dua", None]),
    ("nilai >\n 5", True),
    ("kosong or nama", "Budi"),
    ("setuju and nilai", 7),
    ("_choice == 'Flow_1'", False),
    ("1 if true else 1 / 0", 1),
    ("keys", "isi"),
    ("tka.keys", None),
    ("tka.items", None),
    ("benda.x", None),
    ("true == 1", True),
]


@pytest.mark.parametrize(("text", "value"), VALUES, ids=[text for text, _ in VALUES])
def test_value(text: str, value: object) -> None:
    assert expressions.compile(text).evaluate(DATA) == value


NAMES = [
    ("nilai > 5 and tka.nama == nilai", ("nilai", "tka.nama")),
    ("tka.lokasi[0].provinsi", ("tka.lokasi",)),
    ("tka['nama'] in daftar", ("tka.nama", "daftar")),
    ("len(daftar) > 0", ("daftar",)),
    ("1 + 1", ()),
]


@pytest.mark.parametrize(("text", "names"), NAMES)
def test_names(text: str, names: tuple[str, ...]) -> None:
    assert expressions.compile(text).names == names


ESCAPES = [
    "__import__('os').system('true')",
    "().__class__.__bases__[0].__subclasses__()",
    "''.__class__",
    "nama.__class__.__mro__",
    "tka.__class__",
    "__builtins__",
    "nama.upper()",
    "tka.get('nama')",
    "'{0.__class__}'.format(nama)",
    "'%s' .join(daftar)",
    "f'{nama}'",
    "f'{nilai:999999999}'",
    "f'{nama.__class__}'",
    "open('/etc/passwd')",
    "eval('1')",
    "exec('1')",
    "getattr(nama, 'upper')",
    "setattr(tka, 'nama', 1)",
    "type(nama)",
    "vars()",
    "globals()",
    "print(1)",
    "lambda: 1",
    "(lambda x: x)(1)",
    "[x for x in daftar]",
    "{x for x in daftar}",
    "{x: 1 for x in daftar}",
    "sum(x for x in daftar)",
    "[[[x for x in daftar] for y in daftar] for z in daftar]",
    "(x := 5)",
    "9**9**9",
    "2 ** 2",
    "pow(9, 9)",
    "1 << 99999999",
    "1 >> 1",
    "1 | 2",
    "1 & 2",
    "1 ^ 2",
    "~1",
    "a @ b",
    "{'a': 1}",
    "{1, 2}",
    "daftar[0:2]",
    "daftar[nilai]",
    "daftar[::-1]",
    "tka[nama]",
    "(tka or tka).nama",
    "[1, 2][0]",
    "'abc'[0]",
    "*daftar",
    "[*daftar]",
    "len(*daftar)",
    "max(daftar, **tka)",
    "()",
    "len()",
    "round(1, 2, 3)",
    "yield 1",
    "await x",
    "import os",
    "x = 5; y = 6",
    "del x",
    "b'abc'",
    "1j",
    "...",
    "1e999",
    "10000000000000000",
    "9" * 1500,
    "'" + "a" * 3000 + "'",
    "(" * 900 + "1" + ")" * 900,
    "[" * 900 + "]" * 900,
    "-" * 1900 + "1",
    "not " * 450 + "1",
    "a." * 500 + "b",
    "a" + "[0]" * 400,
    " + ".join(["1"] * 400),
    " and ".join(["a"] * 350),
    "1 if 1 else " * 100 + "1",
    "max(" * 60 + "1" + ")" * 60,
    "'\\x41'",
    "nilai >",
    "",
    "   ",
    "=",
    "${}",
    "==5",
    "nilai 5",
    "\x00",
    "a\ud800",
    "'tidak ditutup",
]


@pytest.mark.parametrize("text", ESCAPES, ids=lambda text: text[:40].encode("ascii", "replace").decode())
def test_refused(text: str) -> None:
    began = time.perf_counter()
    with pytest.raises(SyntaxError) as refusal:
        expressions.compile(text)
    assert refusal.value.msg.startswith("Ungkapan ")
    assert time.perf_counter() - began < 1


def test_a_function_without_its_call_is_a_name_like_any_other() -> None:
    assert expressions.compile("len").evaluate(DATA) is None


@pytest.mark.parametrize(
    "text", ["a * a * a * a * a * a", "s + s + s + s", "round(a, 12)", "sum(l) * sum(l)", "l in l", "s in s"]
)
def test_large_data_stay_cheap(text: str) -> None:
    data = {"a": 10**29, "s": "x" * 9_000, "l": [10**29] * 1000}
    began = time.perf_counter()
    value = expressions.compile(text).evaluate(data)
    assert time.perf_counter() - began < 0.1
    assert value is None or isinstance(value, bool | int)


def test_the_canonical_text_reads_the_same() -> None:
    for text, value in VALUES:
        again = expressions.compile(expressions.compile(text).text)
        assert again.evaluate(DATA) == value


def test_data_nested_beyond_reason() -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    assert expressions.compile("a == b").evaluate({"a": deep, "b": [deep]}) is None


def test_compiled_once() -> None:
    assert expressions.compile("nilai > 5") is expressions.compile("nilai > 5")


def test_quick() -> None:
    expression = expressions.compile("nilai > 5 and tka.nama == 'Ann' and nilai in [1, 7]")
    began = time.perf_counter()
    for _ in range(2_000):
        expression.evaluate(DATA)
    assert (time.perf_counter() - began) / 2_000 < 50e-6


def test_a_script_assigns() -> None:
    script = expressions.compile_script("skor = nilai * 2\n# catatan\ntka.lulus = skor > 10; nama = tka.nama")
    assert script.execute(DATA) == {"skor": 14, "tka.lulus": True, "nama": "Ann"}
    assert script.names == ("nilai", "tka.nama")
    assert script.targets == ("skor", "tka.lulus", "nama")
    assert expressions.compile_script(script.text).execute(DATA) == script.execute(DATA)
    assert DATA["nama"] == "Budi"


@pytest.mark.parametrize(
    "text", ["import os", "x.y()", "x += 1", "x == 1", "def f(): pass", "x[0] = 1", "x = open('f')", "1 = 2", "x ="]
)
def test_a_script_does_nothing_else(text: str) -> None:
    with pytest.raises(SyntaxError):
        expressions.compile_script(text)
