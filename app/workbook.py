"""Tables as .xlsx, written row by row: however many rows there are, few of them are in memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import IO, Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would take for the beginning of one
LONGEST = 32_000  # a cell of Excel's holds 32,767 characters
FORMATS: dict[type, str] = {datetime: "dd-mm-yyyy hh:mm", date: "dd-mm-yyyy", int: "0", float: "#,##0.##"}
Value = str | int | float | date | datetime | None


@dataclass(frozen=True)
class Column:
    """A column's title, and its width in characters."""

    title: str
    width: int = 20


def write(out: IO[bytes], title: str, columns: Sequence[Column], rows: Iterable[tuple[Sequence[Value], bool]]) -> None:
    """Writes one sheet to `out`: a head that stays in sight and is repeated on each printed page, then the rows.

    Each row is its values and whether it is struck out. Text stays text, whatever it begins with; a time is written
    as its clock shows it.
    """
    book = Workbook(write_only=True)
    sheet: Any = book.create_sheet(_sheet_name(title))
    sheet.freeze_panes = "A2"
    sheet.print_title_rows = "1:1"
    sheet.page_setup.orientation, sheet.page_setup.paperSize = "landscape", Worksheet.PAPERSIZE_A4
    sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = 1, 0
    sheet.sheet_properties.pageSetUpPr.fitToPage = True
    sheet.oddHeader.left.text, sheet.oddFooter.right.text = title.replace("&", "&&"), "&P / &N"
    for number, column in enumerate(columns, 1):
        sheet.column_dimensions[get_column_letter(number)].width = column.width
    bold, grey = Font(bold=True), PatternFill("solid", fgColor="E4E7E5")
    head = [_cell(sheet, column.title, bold) for column in columns]
    for cell in head:
        cell.fill = grey
    sheet.append(head)
    count, struck = 1, Font(strike=True, color="7A2020")
    for values, void in rows:
        sheet.append([_cell(sheet, value, struck if void else None) for value in values])
        count += 1
    sheet.auto_filter.ref = f"A1:{get_column_letter(len(columns))}{count}"
    book.save(out)


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
