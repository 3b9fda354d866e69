"""Workbooks (.xlsx): tables written row by row, so that few rows are in memory; the values of a stranger's read."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import IO, Any

from openpyxl import Workbook, load_workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would take for the beginning of one
LONGEST = 32_000  # a cell of Excel's holds 32,767 characters
FORMATS: dict[type, str] = {
    datetime: "dd-mm-yyyy hh:mm",
    date: "dd-mm-yyyy",
    int: "0",
    float: "#,##0.##",
    Decimal: "0.00",
}
Value = str | int | float | Decimal | date | datetime | None


@dataclass(frozen=True)
class Column:
    """A column's title, and its width in characters."""

    title: str
    width: int = 20


@dataclass(frozen=True)
class Sheet:
    """A sheet to be written: each row is its values and whether it is struck out."""

    title: str
    columns: Sequence[Column]
    rows: Iterable[tuple[Sequence[Value], bool]]


def write(out: IO[bytes], *sheets: Sheet) -> None:
    """Writes sheets to `out`, each a head that stays in sight and is repeated on each printed page, then its rows.

    Text stays text, whatever it begins with; a time is written as its clock shows it.
    """
    book = Workbook(write_only=True)
    for sheet in sheets:
        _write(book, sheet)
    book.save(out)


def read(content: bytes, sheets: int, rows: int, columns: int) -> Iterator[tuple[str, list[tuple[object, ...]]]]:
    """The first sheets of a workbook, each by name with the values of its first rows; formulas as they were reckoned.

    Raises whatever a broken workbook makes of its reader.
    """
    for sheet in load_workbook(io.BytesIO(content), read_only=True, data_only=True).worksheets[:sheets]:
        sheet.reset_dimensions()  # what the file says of its size may be anything
        yield sheet.title, list(sheet.iter_rows(max_row=rows, max_col=columns, values_only=True))


def _write(book: Workbook, table: Sheet) -> None:
    sheet: Any = book.create_sheet(_sheet_name(table.title))
    sheet.freeze_panes = "A2"
    sheet.print_title_rows = "1:1"
    sheet.page_setup.orientation, sheet.page_setup.paperSize = "landscape", Worksheet.PAPERSIZE_A4
    sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = 1, 0
    sheet.sheet_properties.pageSetUpPr.fitToPage = True
    sheet.oddHeader.left.text, sheet.oddFooter.right.text = table.title.replace("&", "&&"), "&P / &N"
    for number, column in enumerate(table.columns, 1):
        sheet.column_dimensions[get_column_letter(number)].width = column.width
    bold, grey = Font(bold=True), PatternFill("solid", fgColor="E4E7E5")
    head = [_cell(sheet, column.title, bold) for column in table.columns]
    for cell in head:
        cell.fill = grey
    sheet.append(head)
    count, struck = 1, Font(strike=True, color="7A2020")
    for values, void in table.rows:
        sheet.append([_cell(sheet, value, struck if void else None) for value in values])
        count += 1
    sheet.auto_filter.ref = f"A1:{get_column_letter(len(table.columns))}{count}"


def _cell(sheet: Any, value: Value, font: Font | None) -> Any:
    if isinstance(value, datetime):
        value = value.replace(tzinfo=None)
    text = isinstance(value, str)
    written: Any = ILLEGAL_CHARACTERS_RE.sub("", str(value))[:LONGEST] if text else value
    cell = WriteOnlyCell(sheet, written)
    if text:
        cell.data_type = "s"  # else what begins with = would be reckoned out
        cell.quotePrefix = str(value).startswith(FORMULA)  # and stays text when somebody edits it
        cell.alignment = Alignment(wrap_text=True, vertical="top")
    elif value is not None:
        cell.number_format = FORMATS[type(value)]
        cell.alignment = Alignment(vertical="top")
    if font is not None:
        cell.font = font
    return cell


def _sheet_name(title: str) -> str:
    return "".join(" " if c in "[]:*?/\\" or not c.isprintable() else c for c in title).strip(" '")[:31] or "Lembar"
