"""Forms: read, checked, published as schema, posted, drawn and shown."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import jinja2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from werkzeug.datastructures import FileStorage, MultiDict

from app import forms
from app.forms.schema import FORMATS, FormValidator

TODAY = date(2026, 11, 23)
ROOT = Path(__file__).parent.parent


def made(*components: dict, **more) -> forms.Form:
    return forms.load(json.dumps({"id": "f", **more, "components": components}).encode())


def ask(kind: str = "textfield", key: str = "x", label: str = "Nama", **more) -> dict:
    return {"type": kind, "key": key, "label": label, **more}


def day(key: str = "x", label: str = "Tanggal lahir", **more) -> dict:
    return {"type": "datetime", "subtype": "date", "key": key, "dateLabel": label, **more}


def choose(kind: str = "radio", **more) -> dict:
    return ask(kind, values=[{"value": "a", "label": "Apel"}, {"value": "b", "label": "Belimbing"}], **more)


MUST = {"validate": {"required": True}}
FILES = {
    "u1": forms.UploadInfo("paspor.pdf", "application/pdf"),
    "u2": forms.UploadInfo("surat.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
}


def check(form: forms.Form, answers, data=None):
    clean, faults = forms.check(form, answers, data or {}, FILES.get, today=TODAY)
    return clean, {fault.pointer: fault.message for fault in faults}


# -- reading ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"", "form-json"),
        (b"{", "form-json"),
        (b"\xff\xfe", "form-json"),
        (b"[" * 100_000, "form-json"),
        (b"[]", "form-json"),
        (b'{"components": {}}', "form-json"),
        (b'{"components": ["x"]}', "form-json"),
    ],
)
def test_what_is_no_form(content, rule):
    assert [(f.element, f.level, f.rule) for f in forms.check_file("a.form", content)] == [("a.form", "error", rule)]
    with pytest.raises(forms.FormError):
        forms.load(content)


@pytest.mark.parametrize(
    ("component", "message"),
    [
        (ask("iframe"), "Bagian \"Nama\": jenis 'iframe' tidak dapat dipakai di sini."),
        (ask("expression"), "Bagian \"Nama\": jenis 'expression' tidak dapat dipakai di sini."),
        (ask("script"), "Bagian \"Nama\": jenis 'script' tidak dapat dipakai di sini."),
        (ask(key=""), 'Bagian "Nama" tidak mempunyai kunci.'),
        (ask(key="a b"), "Bagian \"Nama\": kunci 'a b' tidak dapat dipakai; pakai huruf, angka dan garis bawah."),
        (ask(key="0"), "Bagian \"Nama\": kunci '0' tidak dapat dipakai; pakai huruf, angka dan garis bawah."),
        (ask("select"), 'Isian "Nama" tidak mempunyai pilihan.'),
        (ask("select", values=[{"value": 1}, {"value": "1"}]), 'Isian "Nama": ada dua pilihan dengan nilai yang sama.'),
        (ask("select", valuesKey="k", values=[{"value": 1}]),
         'Isian "Nama": pilihan harus ditulis di "values", bukan valuesKey.'),
        (ask(validate={"pattern": "("}), "Isian \"Nama\": pola '(' tidak dapat dibaca."),
        (ask(validate={"minLength": "x"}), "Isian \"Nama\": minLength 'x' bukan angka."),
        (ask(validate={"maxLength": 1.5}), 'Isian "Nama": maxLength 1.5 bukan bilangan bulat.'),
        (ask(readonly="=a"), 'Isian "Nama": readonly hanya boleh ya atau tidak, bukan ungkapan.'),
        (day(minDate="kemarin"), "Isian \"Tanggal lahir\": batas tanggal 'kemarin' tidak dapat dibaca."),
        (ask("filepicker", accept=".exe"), "Isian \"Nama\": jenis berkas '.exe' tidak dapat diterima."),
        ({"type": "dynamiclist", "label": "Lokasi"}, 'Bagian "Lokasi" tidak mempunyai kunci.'),
    ],
)  # fmt: skip
def test_what_a_broken_part_is_told(component, message):
    content = json.dumps({"components": [component]}).encode()
    assert [f.message for f in forms.check_file("a.form", content)] == [message]


@pytest.mark.parametrize("text", ["__import__('os')", "=a.b()", "for x in y", "9**9"])
def test_a_condition_outside_our_language_is_a_finding(text):
    content = json.dumps({"components": [ask(conditional={"hide": text})]}).encode()
    assert [f.rule for f in forms.check_file("a.form", content)] == ["form-ungkapan"]


def test_a_form_has_a_size():
    deep: dict = ask()
    for _ in range(20):
        deep = {"type": "group", "label": "G", "components": [deep]}
    for parts, rule in (([deep], "form-dalam"), ([{"type": "separator"}] * 2_001, "form-besar")):
        content = json.dumps({"components": parts}).encode()
        assert [finding.rule for finding in forms.check_file("a.form", content)] == [rule]


def test_all_findings_come_at_once():
    content = json.dumps({"components": [ask("iframe"), ask(key=""), ask("select")]}).encode()
    rules = [finding.rule for finding in forms.check_file("a.form", content)]
    assert rules == ["form-jenis", "form-kunci", "form-pilihan"]


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([ask(), ask()], "Kunci /x dipakai dua kali."),
        (
            [ask(key="a.b"), {"type": "group", "path": "a", "components": [ask(key="b")]}],
            "Kunci /a/b dipakai dua kali.",
        ),
        ([ask(), ask(key="x.y")], "Kunci /x dipakai sebagai isian dan sebagai kelompok."),
    ],
)
def test_two_inputs_cannot_answer_at_one_place(parts, message):
    content = json.dumps({"components": parts}).encode()
    assert [(f.rule, f.message) for f in forms.check_file("a.form", content)] == [("form-kunci-ganda", message)]


@settings(max_examples=60, deadline=None)
@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["type", "key", "path", "label", "components", "values", "validate", "conditional", "hide",
                         "layout", "columns", "properties", "subtype", "accept", "required", "pattern"]),
        inner | st.sampled_from(["textfield", "group", "dynamiclist", "datetime", "filepicker", "select", "text"]),
        max_size=6),
    max_leaves=20))  # fmt: skip
def test_any_json_gives_findings_and_never_an_exception(value):
    for content in (json.dumps(value), json.dumps({"components": value})):
        forms.check_file("a.form", content.encode())


@pytest.mark.parametrize(
    ("component", "html"),
    [
        ({"type": "text", "text": "# Judul\n\n**Tebal** dan *miring* <b>\n\n- a\n- b"},
         "<h3>Judul</h3><p><strong>Tebal</strong> dan <em>miring</em> &lt;b&gt;</p><ul><li>a</li><li>b</li></ul>"),
        ({"type": "text", "text": "[a](https://a.id) [b](javascript:alert)"},
         '<p><a href="https://a.id">a</a> [b](javascript:alert)</p>'),
        ({"type": "html", "content": "<p onclick=x>A<script>alert(1)</script><b>B</p>"}, "<p>A<b>B</b></p>"),
        ({"type": "html", "content": "<b>A<script></b></script>B"}, "<b>AB</b>"),
        ({"type": "html", "content": '<a href="javascript:x">A</a><img src=x onerror=y>'}, "<a>A</a>"),
    ],
)  # fmt: skip
def test_texts_are_safe(component, html):
    assert made(component).components[0].html == html


# -- checking ---------------------------------------------------------------------------------------------------------

NUMBER = {"decimalDigits": 0, "validate": {"min": 1, "max": 5}}


@pytest.mark.parametrize(
    ("component", "value", "clean"),
    [
        (ask(), "  Budi \t Santoso\r\n", "Budi   Santoso"),
        (ask(), "e\u0301", "é"),
        (ask(), " \n ", None),
        (ask(), "\u200b", None),
        (ask(), None, None),
        (ask("textarea"), "a\r\nb\rc", "a\nb\nc"),
        (ask("number"), 3, 3),
        (ask("number", decimalDigits=2), 3.14159, 3.14),
        (ask("number", decimalDigits=0), 3.0, 3),
        (ask("number"), 0, 0),
        (day(), "2026-11-23", "2026-11-23"),
        (day(), "", None),
        ({**day(), "subtype": "time"}, "09:30", "09:30"),
        ({**day(), "subtype": "datetime"}, "2026-11-23T09:30", "2026-11-23T09:30"),
        (day(disallowPassedDates=True), "2026-11-23", "2026-11-23"),
        (choose(), "a", "a"),
        (choose("select"), "b", "b"),
        (ask("select", values=[{"value": 4}]), 4, 4),
        (choose("checklist"), ["b", "a"], ["b", "a"]),
        (choose("taglist"), [], None),
        (ask("checkbox"), False, False),
        (ask("checkbox", **MUST), True, True),
        (ask("filepicker"), "u1", "u1"),
        (ask("filepicker", multiple=True), ["u1"], ["u1"]),
        (ask("filepicker", accept=".docx"), "u2", "u2"),
        (ask(validate={"validationType": "email"}), "a@b.id", "a@b.id"),
        (ask(validate={"validationType": "phone"}), "0812-3456 7890", "0812-3456 7890"),
        (ask(readonly=True, **MUST), "diam-diam", None),
        (ask(disabled=True), "diam-diam", None),
        (ask(conditional={"hide": "=true"}, **MUST), "tersembunyi", None),
    ],
)
def test_what_is_taken(component, value, clean):
    assert check(made(component), {"x": value, "lain": 1}) == ({} if clean is None else {"x": clean}, {})


@pytest.mark.parametrize(
    ("component", "value", "message"),
    [
        (ask(label="Nomor paspor", **MUST), "", "Isi nomor paspor."),
        (ask(label="NIB", **MUST), " ", "Isi NIB."),
        (ask("filepicker", label="Paspor", **MUST), None, "Unggah paspor."),
        (ask("checkbox", label="Saya setuju", **MUST), False, 'Centang "Saya setuju" untuk melanjutkan.'),
        (choose(label="Jenis kelamin", **MUST), None, "Pilih jenis kelamin."),
        (choose(label="Anda siapa?", **MUST), None, 'Pilih jawaban untuk "Anda siapa?".'),
        (choose("checklist", label="Buah", **MUST), [], "Pilih sekurang-kurangnya satu buah."),
        (ask(), "a\x00b", "Isian nama memuat karakter yang tidak terbaca. Ketik ulang isian ini."),
        (ask(), "\ud800", "Isian nama memuat karakter yang tidak terbaca. Ketik ulang isian ini."),
        (ask(), "x" * 501, "Persingkat nama: paling panjang 500 karakter, sekarang 501."),
        (ask(validate={"minLength": 3}), "ab", "Isi nama sekurang-kurangnya 3 karakter."),
        (ask(validate={"pattern": "^A"}, description="Huruf besar."), "a", "Periksa penulisan nama. Huruf besar."),
        (ask(validate={"pattern": "^[A-Z]+$"}, properties={"pesan": "Pakai huruf besar."}), "a", "Pakai huruf besar."),
        (ask(label="Surel", validate={"validationType": "email"}), "a@b",
         "Tulis surel dengan lengkap, misalnya nama@contoh.id."),
        (ask(label="Telepon", validate={"validationType": "phone"}), "halo",
         "Tulis telepon dengan angka, misalnya 0812 3456 7890."),
        (ask(), 5, "Periksa penulisan nama."),
        (ask(), {"a": 1}, "Periksa penulisan nama."),
        (ask("number", label="Lama", **NUMBER), 6, "Isi lama dengan angka 1 sampai 5."),
        (ask("number", label="Lama", validate={"min": 1000}), 6, "Isi lama dengan angka paling kecil 1.000."),
        (ask("number", label="Lama", **NUMBER), "lima", "Isi lama dengan bilangan bulat, misalnya 12."),
        (ask("number", label="Lama", **NUMBER), 1.5, "Isi lama dengan bilangan bulat, misalnya 12."),
        (ask("number", label="Lama"), True, "Isi lama dengan angka, misalnya 1.250,50."),
        (ask("number", label="Lama"), float("nan"), "Isi lama dengan angka, misalnya 1.250,50."),
        (day(), "2026-02-30", "Isi tanggal lahir sebagai tanggal, misalnya 31-12-2026."),
        (day(), "20261123", "Isi tanggal lahir sebagai tanggal, misalnya 31-12-2026."),
        (day(disallowPassedDates=True), "2026-11-22", "Isi tanggal lahir dengan 23 November 2026 atau sesudahnya."),
        (day(maxDate="-1d"), "2026-11-23", "Isi tanggal lahir dengan 22 November 2026 atau sebelumnya."),
        (day(properties={"minDate": "2027-01-01"}), "2026-12-31",
         "Isi tanggal lahir dengan 1 Januari 2027 atau sesudahnya."),
        ({**day(label="Jam"), "subtype": "time"}, "25:00", "Isi jam sebagai jam, misalnya 09:30."),
        (choose(label="Buah"), "c", "Pilih buah dari daftar."),
        (choose("checklist", label="Buah"), ["a", "c"], "Pilih buah dari daftar."),
        (ask("checkbox", label="Ada"), "ya", 'Jawab "Ada" dengan ya atau tidak.'),
        (ask("filepicker", label="Paspor"), "milik-orang", "Unggah lagi paspor; berkas yang lama tidak ditemukan."),
        (ask("filepicker", label="Paspor"), ["u1"], "Unggah lagi paspor; berkas yang lama tidak ditemukan."),
        (ask("filepicker", label="Paspor"), "u2", "Ganti surat.docx: paspor harus berupa PDF, PNG atau JPG."),
    ],
)  # fmt: skip
def test_what_is_refused(component, value, message):
    assert check(made(component), {"x": value}) == ({}, {"/x": message})


PLACES = {
    "type": "dynamiclist",
    "path": "lokasi",
    "label": "Lokasi",
    "properties": {"minimal": "1", "maksimal": "3"},
    "components": [
        ask(key="kota", label="Kota", **MUST),
        ask(key="luar", label="Alamat", conditional={"hide": "=kota != 'Bontang'"}, **MUST),
    ],
}
FIRM = {"type": "group", "path": "firma", "label": "Firma", "components": [ask(key="nama", **MUST), ask(key="nib")]}


@pytest.mark.parametrize(
    ("answers", "clean", "faults"),
    [
        ({}, {}, {"/firma/nama": "Isi nama.", "/lokasi": "Isi lokasi sekurang-kurangnya 1 baris."}),
        (
            {"firma": {"nama": "PT A", "liar": 1}, "lokasi": [{}, {"kota": "Bontang", "luar": "Jl. B"}, {"kota": " "}]},
            {"firma": {"nama": "PT A"}, "lokasi": [{"kota": "Bontang", "luar": "Jl. B"}]},
            {},
        ),
        (
            {"firma": {"nama": "PT A"}, "lokasi": [{"kota": "Berau", "luar": "dibuang"}, {"kota": "Bontang"}]},
            {"firma": {"nama": "PT A"}, "lokasi": [{"kota": "Berau"}, {"kota": "Bontang"}]},
            {"/lokasi/1/luar": "Isi alamat."},
        ),
        (
            {"firma": {"nama": "PT A"}, "lokasi": [{}]},
            {"firma": {"nama": "PT A"}, "lokasi": [{}]},
            {"/lokasi/0/kota": "Isi kota."},
        ),
        (
            {"firma": "PT A", "lokasi": "Bontang"},
            {},
            {
                "/firma": "Kirim bagian ini sebagai objek berisi isian.",
                "/firma/nama": "Isi nama.",
                "/lokasi": "Kirim bagian ini sebagai daftar baris.",
            },
        ),
        (
            {"firma": {"nama": "PT A"}, "lokasi": [{"kota": "a"}] * 4},
            {"firma": {"nama": "PT A"}},
            {"/lokasi": "Isi lokasi paling banyak 3 baris."},
        ),
    ],
)  # fmt: skip
def test_groups_and_lists(answers, clean, faults):
    assert check(made(FIRM, PLACES), answers) == (clean, faults)


@pytest.mark.parametrize("answers", [None, [], "x", 5])
def test_answers_that_are_no_object(answers):
    assert check(made(ask()), answers) == ({}, {"": "Kirim bagian ini sebagai objek berisi isian."})


CHAIN = [
    choose(key="a"),
    choose(key="b", conditional={"hide": "=a != 'a'"}),
    ask(key="c", conditional={"hide": "=b != 'b'"}, **MUST),
    {"type": "group", "label": "G", "conditional": {"hide": "=lama"}, "components": [ask(key="d", **MUST)]},
]


@pytest.mark.parametrize(
    ("answers", "data", "clean", "faults"),
    [
        ({"a": "a", "b": "b", "d": "x"}, {}, {"a": "a", "b": "b", "d": "x"}, {"/c": "Isi nama."}),
        ({"a": "b", "b": "b", "c": "x", "d": "x"}, {}, {"a": "b", "d": "x"}, {}),
        ({"d": "x"}, {"a": "a", "b": "b"}, {"d": "x"}, {}),  # what this form asks is not what it was before
        ({"d": "x"}, {"lama": True}, {}, {}),
    ],
)
def test_conditions_follow_answers_and_the_case(answers, data, clean, faults):
    assert check(made(*CHAIN), answers, data) == (clean, faults)


@pytest.mark.parametrize(
    ("note", "kept"),
    [
        (" a\r\nb ", "a\nb"),
        ("e\u0301", "é"),
        ("a\x00b\ud800\x85c", "abc"),
        ("\u200b", ""),
        ("😀 <b> ${x}", "😀 <b> ${x}"),
    ],
)
def test_a_note_is_kept_as_it_can_be_read(note, kept):
    assert forms.normal_text(note) == kept


def test_answers_replace_what_the_form_asks_and_nothing_else():
    form = made(FIRM, ask(readonly=True), PLACES)
    data = {"firma": {"nama": "Lama", "nib": "1", "lain": 2}, "x": "tetap", "lokasi": [{"kota": "a"}, {"kota": "b"}]}
    assert forms.apply(form, data, {"firma": {"nama": "Baru"}, "lokasi": [{"kota": "c"}]}) == {
        "firma": {"nama": "Baru", "lain": 2},
        "x": "tetap",
        "lokasi": [{"kota": "c"}],
    }
    assert data["firma"] == {"nama": "Lama", "nib": "1", "lain": 2}


# -- schema -----------------------------------------------------------------------------------------------------------


def test_the_schema_carries_every_check():
    form = made(
        FIRM,
        PLACES,
        ask(
            "textfield",
            "t",
            "Teks",
            description="Apa saja",
            validate={"required": True, "maxLength": 9, "pattern": "^a"},
        ),
        day("d", minDate="today", maxDate="+30d"),
        ask("number", "n", "Ke", **NUMBER),
        choose("checklist", key="c", **MUST),
        ask("filepicker", "u", "Paspor", accept=".pdf", **MUST),
        ask("textfield", "r", "Baca", readonly=True, **MUST),
        title="Uji",
    )
    assert forms.published(form, TODAY) == {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Uji",
        "type": "object",
        "properties": {
            "firma": {
                "title": "Firma",
                "type": "object",
                "properties": {
                    "nama": {"title": "Nama", "type": "string", "minLength": 1, "maxLength": 500},
                    "nib": {"title": "Nama", "type": "string", "maxLength": 500},
                },
                "required": ["nama"],
            },
            "lokasi": {
                "title": "Lokasi",
                "type": "array",
                "minItems": 1,
                "maxItems": 3,
                "items": {
                    "type": "object",
                    "properties": {
                        "kota": {"title": "Kota", "type": "string", "minLength": 1, "maxLength": 500},
                        "luar": {
                            "title": "Alamat",
                            "type": "string",
                            "minLength": 1,
                            "maxLength": 500,
                            "x-hidden-when": "=kota != 'Bontang'",
                        },
                    },
                    "required": ["kota", "luar"],
                },
            },
            "t": {
                "title": "Teks",
                "description": "Apa saja",
                "type": "string",
                "minLength": 1,
                "maxLength": 9,
                "pattern": "^a",
            },
            "d": {
                "title": "Tanggal lahir",
                "type": "string",
                "format": "date",
                "formatMinimum": "2026-11-23",
                "formatMaximum": "2026-12-23",
            },
            "n": {"title": "Ke", "type": "integer", "minimum": 1, "maximum": 5},
            "c": {
                "title": "Nama",
                "type": "array",
                "items": {"type": "string", "enum": ["a", "b"]},
                "uniqueItems": True,
                "minItems": 1,
                "maxItems": 50,
            },
            "u": {"title": "Paspor", "type": "string", "format": "upload", "accept": ["application/pdf"]},
            "r": {"title": "Baca", "type": "string", "minLength": 1, "maxLength": 500, "readOnly": True},
        },
        "required": ["firma", "lokasi", "t", "c", "u"],
    }
    assert form.schema["properties"]["d"]["formatMinimum"] == "today"
    Draft202012Validator.check_schema(form.schema)


ORACLE = made(
    FIRM,
    ask(key="t", validate={"required": True, "minLength": 2, "maxLength": 4}),
    ask("number", "n", **NUMBER),
    day("d", minDate="today"),
    choose(key="r", **MUST),
    choose("checklist", key="c"),
    ask("checkbox", "b", **MUST),
)
VALUES = st.none() | st.sampled_from(
    ["a", "b", "ab", "abcd", "abcde", "2026-11-23", "2026-11-22", 0, 1, 5, 6, 1.5, True, False]
)


@settings(max_examples=60, deadline=None)
@given(st.fixed_dictionaries({}, optional={key: VALUES | st.lists(VALUES, max_size=2) for key in "tndrcb"} | {
    "firma": VALUES | st.fixed_dictionaries({}, optional={"nama": VALUES, "nib": VALUES})}))  # fmt: skip
def test_what_the_schema_accepts_is_accepted_and_cleaned_answers_obey_it(answers):
    schema = FormValidator(forms.published(ORACLE, TODAY), format_checker=FORMATS)
    clean, faults = check(ORACLE, answers)
    if schema.is_valid(answers):
        assert faults == {}
    assert schema.is_valid(clean) == (faults == {})


# -- posting ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("component", "posted", "value"),
    [
        (ask("number"), ["1.234,56"], 1234.56),
        (ask("number"), ["1.500"], 1500),
        (ask("number"), ["1.5"], 1.5),
        (ask("number"), ["-3"], -3),
        (ask("number"), ["12a"], "12a"),
        (ask("number"), [""], ""),
        (ask("number"), ["9" * 5000], "9" * 5000),
        (day(), ["23/11/2026"], "2026-11-23"),
        (day(), ["2026-11-23"], "2026-11-23"),
        (day(), ["besok"], "besok"),
        (ask("checkbox"), ["1"], True),
        (ask("checkbox"), [], False),
        (choose(), ["a"], "a"),
        (choose(), [], ""),
        (choose("checklist"), ["a", "b"], ["a", "b"]),
        (ask("select", values=[{"value": 4}]), ["4"], 4),
        (ask("filepicker"), ["u1"], "u1"),
        (ask("filepicker"), [], ""),
        (ask("filepicker", multiple=True), ["u1", "", "u1", "u2"], ["u1", "u2"]),
    ],
)
def test_a_posted_field(component, posted, value):
    assert forms.from_html(made(component), MultiDict([("/x", text) for text in posted])) == {"x": value}


def test_posted_rows_are_renumbered_added_and_removed():
    form = made(FIRM, PLACES)
    posted = [("/firma/nama", "PT A"), ("/firma/nib", ""), ("/lokasi/0", ""), ("/lokasi/0/kota", "a"),
              ("/lokasi/7", ""), ("/lokasi/7/kota", "b"), ("/lokasi/7/luar", "c"), ("/liar", "1")]  # fmt: skip
    first, second = {"kota": "a", "luar": ""}, {"kota": "b", "luar": "c"}
    rest = {"firma": {"nama": "PT A", "nib": ""}}
    assert forms.from_html(form, MultiDict(posted)) == {**rest, "lokasi": [first, second]}
    more = MultiDict([*posted, ("_tambah", "/lokasi")])
    assert forms.from_html(form, more) == {**rest, "lokasi": [first, second, {}]}
    less = MultiDict([*posted, ("_hapus", "/lokasi/0")])
    assert forms.from_html(form, less) == {**rest, "lokasi": [second]}
    assert [forms.is_edit(values) for values in (MultiDict(posted), more, less)] == [False, True, True]


def test_posted_files_find_their_fields():
    form = made(ask("filepicker", "a"), ask("filepicker", "b", multiple=True), ask())
    one, two, three, four = (FileStorage(filename=f"{n}.pdf") for n in range(4))
    files = MultiDict([("/a", one), ("/a", two), ("/b", three), ("/b", FileStorage(filename="")), ("/x", four)])
    found = [(field.key, pointer, file) for field, pointer, file in forms.posted_files(form, files)]
    assert found == [("a", "/a", one), ("b", "/b", three)]
    values = MultiDict([("/a", "lama"), ("/b", "u1"), ("/b", "u2"), ("_buang", "u1")])
    assert forms.from_html(form, values, {"/a": ["baru"], "/b": ["u3"]}) == {"a": "baru", "b": ["u2", "u3"], "x": ""}


# -- samples ----------------------------------------------------------------------------------------------------------


def test_samples_keep_together_what_belongs_together():
    person = [ask(key="n", properties={"contoh": "Ani | Budi"}), day("d", properties={"contoh": "-1d|+1d"}),
              ask("checkbox", "b", properties={"contoh": "ya|tidak"}),
              choose("checklist", key="c", properties={"contoh": "a,b"}),
              ask("number", "k", properties={"contoh": "1.500,5"}), ask(key="kosong")]  # fmt: skip
    form = made(*person)
    both = {"c": ["a", "b"], "k": 1500.5}
    ani, budi = (forms.sample(form, seed, lambda field: "u1", TODAY) for seed in (0, 3))
    assert ani == {"n": "Ani", "d": (TODAY - timedelta(days=1)).isoformat(), "b": True, **both}
    assert budi == {"n": "Budi", "d": (TODAY + timedelta(days=1)).isoformat(), "b": False, **both}


# -- drawing and showing ----------------------------------------------------------------------------------------------

TABLE = {
    "type": "group", "path": "ceklis", "label": "Ceklis", "properties": {"tabel": "ya"},
    "components": [
        {"type": "group", "path": name, "label": name.title(), "properties": {"berkas": f"berkas.{name}"},
         "components": [ask("checkbox", "ada", "Ada"), ask(key="nomor", label="Nomor")]}
        for name in ("paspor", "kitas")
    ],
}  # fmt: skip


def test_data_are_shown_in_words():
    form = made(FIRM, PLACES, TABLE, day("d"), choose(key="r", label="Buah"), ask("number", "n", "Jumlah"),
                ask("filepicker", "u", "Paspor"), ask(key="h", conditional={"hide": "=r = 'a'"}))  # fmt: skip
    data = {
        "firma": {"nama": "PT A"}, "lokasi": [{"kota": "Bontang", "luar": "Jl. B"}, {"kota": "Berau"}],
        "ceklis": {"paspor": {"ada": True, "nomor": "A1"}, "kitas": {"ada": False}},
        "d": "2026-11-23", "r": "a", "n": 1234.5, "u": "u1", "h": "x",
    }  # fmt: skip
    assert [(row.heading, row.pointer, row.label, row.text, row.uploads) for row in form.rows(data)] == [
        ("Firma", "/firma/nama", "Nama", "PT A", ()),
        ("Firma", "/firma/nib", "Nama", "", ()),
        ("Lokasi", "/lokasi/0", "1", "Kota: Bontang · Alamat: Jl. B", ()),
        ("Lokasi", "/lokasi/1", "2", "Kota: Berau", ()),
        ("Ceklis", "/ceklis/paspor", "Paspor", "Ada: Ya · Nomor: A1", ()),
        ("Ceklis", "/ceklis/kitas", "Kitas", "Ada: Tidak", ()),
        ("", "/d", "Tanggal lahir", "23 November 2026", ()),
        ("", "/r", "Buah", "Apel", ()),
        ("", "/n", "Jumlah", "1.234,5", ()),
        ("", "/u", "Paspor", "", ("u1",)),
    ]
    names = [form.label(pointer) for pointer in ("/firma/nama", "/lokasi/1/kota", "/lokasi/0", "/ceklis/kitas", "/x/y")]
    assert names == ["Nama", "Kota (2)", "Lokasi (1)", "Kitas", "/x/y"]
    assert [form.place(pointer) for pointer in ("/firma/nama", "/lokasi/1/kota", "/d", "/?")] == [
        "Firma",
        "Lokasi 2",
        "",
        "",
    ]


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("=a != 'x'", ["!=", ["get", "/a"], ["is", "x"]]),
        ("a == null or not lama", ["or", ["==", ["get", "/a"], ["is", None]], ["not", ["is", "dulu"]]]),
        ("a in ['x', 'y']", ["in", ["get", "/a"], ["list", ["is", "x"], ["is", "y"]]]),
        ("a not in ['x']", ["not", ["in", ["get", "/a"], ["list", ["is", "x"]]]]),
        ("len(a) > 2", None),
    ],
)
def test_a_condition_is_handed_to_the_page_where_it_can_follow_it(text, script):
    form = made(ask(key="a"), ask(key="b", conditional={"hide": text}))
    hide = form.draw({"lama": "dulu"})[1].hide
    assert (json.loads(hide) if hide else None) == script


def test_a_condition_in_a_row_looks_into_its_row():
    hides = [row.parts[1].hide for row in made(PLACES).draw({"lokasi": [{}, {}]})[0].parts]
    assert [json.loads(hide)[1] for hide in hides] == [["get", "/lokasi/0/kota"], ["get", "/lokasi/1/kota"]]


def macros(**known) -> object:
    loader = jinja2.FileSystemLoader(ROOT / "app" / "web" / "templates")
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals |= {"_": lambda text: text, "ngettext": lambda one, many, n: many % {"num": n}}
    return environment.get_template("forms/macros.html").make_module(known)


@settings(max_examples=60, deadline=None)
@given(st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5) | st.just("<script>"),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(
        st.sampled_from(["firma", "nama", "lokasi", "kota", "ceklis", "paspor", "nomor", "berkas", *"drnu"]), inner),
    max_leaves=12))  # fmt: skip
def test_whatever_a_draft_holds_is_drawn_and_shown(values):
    form = made(FIRM, PLACES, TABLE, day("d"), choose(key="r"), ask("number", "n"), ask("filepicker", "u", "Paspor"),
                ask(key="b", readonly=True), choose("checklist", key="e"))  # fmt: skip
    drawn = str(DRAWING.form_fields(form, values, {"/n": "Isi."}, today=TODAY))
    shown = str(DRAWING.data_rows(form, values if isinstance(values, dict) else {}, marking=True))
    assert "<script>" not in drawn + shown
    assert 'id="f-n-salah"' in drawn


DRAWING = macros()


def test_a_field_says_what_is_wrong_with_it_and_the_summary_leads_there():
    form = made(FIRM)
    drawn = str(DRAWING.form_fields(form, {"firma": {"nama": '"><b>'}}, {"/firma/nama": "Isi nama."}))
    assert 'value="&#34;&gt;&lt;b&gt;"' in drawn
    assert 'aria-describedby="f-firma-nama-salah" aria-invalid="true"' in drawn
    summary = " ".join(str(DRAWING.fault_summary(form, {"/firma/nama": "Isi nama."})).split())
    assert '<a href="#f-firma-nama">Firma: Isi nama.</a>' in summary


def test_a_table_shows_the_file_beside_its_row():
    form = made(TABLE)
    drawn = str(
        DRAWING.form_fields(form, {"berkas": {"paspor": "u1"}}, files={"u1": forms.UploadInfo("p.pdf", "image/png")})
    )
    assert (
        '<a href="/berkas/u1" target="_blank" rel="noopener" data-media="image/png">p.pdf<span class="visually-hidden">, Paspor</span></a>'
        in drawn
    )
    assert drawn.count("Belum diunggah") == 1
    assert drawn.count('scope="col"') == 3
