"""Reports as somebody reads them: charts, and one table that is the CSV as well; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from markupsafe import Markup

from cloud_sync.dashboard import charts
from cloud_sync.dashboard.report_facts import FillRates
from cloud_sync.dashboard.reports import Filled, Goods, Profit, Turnover, Waste, Work
from cloud_sync.dashboard.views import digits_of, money, number

SLOWEST: Final = 12
BEST, WORST = 10, 5
TYPES: Final = 6
WORKERS: Final = 20

Plain = str | int | float | None


class Says(Protocol):
    """The words of a key in the reader's language."""

    def __call__(self, key: str, **blanks: object) -> str: ...


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table. is_number: aligned and sorted as one."""

    name: str
    is_number: bool = True


@dataclass(frozen=True, slots=True)
class Row:
    """A row: `plain` for programs and for sorting, `shown` for people, in one order."""

    plain: Sequence[Plain]
    shown: Sequence[str]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A report. figures: names and values to begin with; notes: what is to be known of it."""

    columns: Sequence[Column]
    rows: Sequence[Row]
    charts: Sequence[Markup] = ()
    figures: Sequence[tuple[str, str]] = ()
    notes: Sequence[str] = field(default=())


def _row(*cells: tuple[Plain, str]) -> Row:
    return Row([plain for plain, _ in cells], [shown for _, shown in cells])


def _text(text: str) -> tuple[Plain, str]:
    return text, text


def _number(value: float | None, digits: int = 0) -> tuple[Plain, str]:
    if value is None:
        return None, "–"
    return (round(value, digits) if digits else round(value)), number(value, digits)


def _amount(n: float, goods: Goods) -> tuple[Plain, str]:
    """Pieces as they are, grams in kilograms."""
    value, digits = (n / 1000, 2) if goods.unit == "g" else (n, 0 if n == round(n) else 1)
    return round(value, digits), number(value, digits)


def _item(goods: Goods, names: Mapping[str, str]) -> tuple[Plain, str]:
    return goods.item, names.get(goods.item) or goods.item


def _goods_columns(t: Says) -> list[Column]:
    return [Column(t("reports.item"), is_number=False), Column("GTIN", is_number=False)]


def turnover(found: Sequence[Turnover], names: Mapping[str, str], t: Says) -> Sheet:
    """Stock turnover by item, the slowest first."""
    columns = [*_goods_columns(t), Column(t("reports.unit"), is_number=False),
               *(Column(t(f"reports.{it}")) for it in ("out", "mean_stock", "turns",
                                                       "days_of_stock"))]  # fmt: skip
    rows = [
        _row(
            _text(_item(it.goods, names)[1]), _text(it.goods.item),
            _text(t(f"unit.{it.goods.unit}")), _amount(it.sold, it.goods),
            _amount(it.mean_stock, it.goods), _number(it.turns, 1), _number(it.days_of_stock, 1),
        )
        for it in found
    ]  # fmt: skip
    slow = [it for it in found if it.days_of_stock is not None][:SLOWEST]
    drawn = []
    if slow:
        drawn.append(charts.bars(charts.Chart(
            name="slow", title=t("reports.slowest"), description=t("reports.slowest.about"),
            label_name=t("reports.item"), numbers=t("plans.numbers"),
            labels=tuple(_item(it.goods, names)[1] for it in slow),
            series=(charts.Series(t("reports.days_of_stock"),
                                  tuple(it.days_of_stock for it in slow)),),
            shown=lambda n: number(n, 0 if n == round(n) or n >= 100 else 1),
        )))  # fmt: skip
    return Sheet(columns, rows, drawn)


def profit(found: Sequence[Profit], names: Mapping[str, str], t: Says) -> Sheet:
    """What items earned, most first."""
    columns = [
        *_goods_columns(t),
        *(Column(t(f"reports.{it}")) for it in ("sold", "wasted", "revenue", "cost",
                                                "wasted_cost", "margin", "margin_share")),
        Column(t("reports.currency"), is_number=False),
    ]  # fmt: skip
    rows = [
        _row(
            _text(_item(it.goods, names)[1]), _text(it.goods.item), _amount(it.sold, it.goods),
            _amount(it.wasted, it.goods),
            *(_minor(each, it.currency) for each in (it.revenue, it.cost, it.wasted_cost,
                                                     it.margin)),
            _number(None if it.margin_share is None else 100 * it.margin_share, 1),
            _text(it.currency),
        )
        for it in found
    ]  # fmt: skip
    known = [it for it in found if it.margin is not None]
    drawn, figures = [], []
    for currency in dict.fromkeys(it.currency for it in known):
        of = [it for it in known if it.currency == currency]
        figures.append((t("reports.margin"), money(round(_sum(of)), currency)))
        shown = of if len(of) <= BEST + WORST else [*of[:BEST], *of[-WORST:]]
        drawn.append(charts.bars(charts.Chart(
            name=f"margin-{currency}", title=t("reports.best"),
            description=t("reports.best.about"),
            label_name=t("reports.item"), numbers=t("plans.numbers"),
            labels=tuple(_item(it.goods, names)[1] for it in shown),
            series=(charts.Series(f"{t('reports.margin')}, {currency}",
                                  tuple(_major(it.margin, currency) for it in shown)),),
            shown=number,
        )))  # fmt: skip
    n_unknown = len(found) - len(known)
    notes = [t("reports.unknown", n=n_unknown)] if n_unknown else []
    return Sheet(columns, rows, drawn, figures, notes)


def _sum(found: Sequence[Profit]) -> float:
    return sum(it.margin or 0.0 for it in found)


def _minor(value: float | None, currency: str) -> tuple[Plain, str]:
    """Minor units as a number of the currency; its name stands elsewhere."""
    major = _major(value, currency)
    if major is None:
        return None, "–"
    return major, number(major, digits_of(currency))


def _major(minor: float | None, currency: str) -> float | None:
    return None if minor is None else round(minor) / 10 ** digits_of(currency)


def waste(found: Sequence[Waste], t: Says, *, is_priced: bool) -> Sheet:
    """What went to waste, by reason. is_priced: with what it had cost."""
    currencies = sorted({it for each in found for it in each.cost}) if is_priced else []
    columns = [
        Column(t("reports.reason"), is_number=False), Column(t("reports.units")),
        Column(t("reports.kg")),
        *(Column(f"{t('reports.cost')}, {it}") for it in currencies),
        *([Column(t("reports.unknown_cost"))] if is_priced else []),
    ]  # fmt: skip
    rows = []
    for it in found:
        cells = [_text(it.reason or t("reports.reason.none")), _number(it.units),
                 _number(it.grams / 1000, 2)]  # fmt: skip
        cells += [_minor(it.cost.get(currency, 0.0), currency) for currency in currencies]
        cells += [_number(it.n_unknown)] if is_priced else []
        rows.append(_row(*cells))
    drawn = []
    if any(it.units > 0 for it in found):
        drawn.append(charts.bars(charts.Chart(
            name="waste", title=t("reports.waste.title"), description=t("reports.waste.chart"),
            label_name=t("reports.reason"), numbers=t("plans.numbers"),
            labels=tuple(it.reason or t("reports.reason.none") for it in found),
            series=(charts.Series(t("reports.units"), tuple(float(it.units) for it in found)),),
            shown=number,
        )))  # fmt: skip
    figures = [(t("reports.units"), number(sum(it.units for it in found)))]
    figures += [
        (t("reports.cost"), money(round(sum(each.cost.get(it, 0.0) for each in found)), it))
        for it in currencies
    ]
    return Sheet(columns, rows, drawn, figures if found else ())


def fill(found: FillRates, names: Mapping[str, str], t: Says) -> Sheet:
    """The fill rate day by day, and the items that were short."""
    columns = [
        *_goods_columns(t),
        *(Column(t(f"reports.{it}")) for it in ("sold", "short", "rate")),
    ]
    rows = [
        _row(
            _text(names.get(it.name) or it.name), _text(it.name), _number(it.sold),
            _number(it.short), _number(_percent(it), 1),
        )
        for it in found.by_item
    ]  # fmt: skip
    drawn = []
    if any(it.rate is not None for it in found.by_day):
        drawn.append(charts.lines(charts.Chart(
            name="fill", title=t("reports.fill.title"), description=t("reports.fill.chart"),
            label_name=t("reports.day"), numbers=t("plans.numbers"),
            labels=tuple(it.name[5:] for it in found.by_day),
            series=(charts.Series(t("reports.rate"), tuple(map(_percent, found.by_day))),),
            shown=lambda n: number(n, 0 if n == round(n) else 1),
        )))  # fmt: skip
    whole = found.whole
    figures = [
        (t("reports.rate"), _number(_percent(whole), 2)[1]),
        (t("reports.sold"), number(whole.sold)),
        (t("reports.short"), number(whole.short)),
    ]
    return Sheet(columns, rows, drawn, figures if whole.rate is not None else ())


def _percent(it: Filled) -> float | None:
    return None if it.rate is None else 100 * it.rate


def work(found: Sequence[Work], t: Says, named: Callable[[str], str]) -> Sheet:
    """What workers did, and how fast. named: the word for a type of event."""
    columns = [
        Column(t("reports.worker"), is_number=False),
        *(Column(t(f"reports.{it}")) for it in ("deeds", "units", "hours", "deeds_per_hour",
                                                "units_per_hour")),
        Column(t("reports.mostly"), is_number=False),
    ]  # fmt: skip
    rows = [
        _row(
            _text(it.worker), _number(it.deeds), _number(it.units), _number(it.hours),
            _number(it.deeds_per_hour, 1), _number(it.units_per_hour, 1),
            _text(named(max(it.by_type, key=lambda kind: (it.by_type[kind], kind)))),
        )
        for it in found
    ]  # fmt: skip
    several = found[:WORKERS]
    sums: Counter[str] = Counter()
    for it in several:
        sums.update(it.by_type)
    kinds = [kind for kind, _ in sums.most_common(TYPES)]
    series = [
        charts.Series(named(kind), tuple(float(it.by_type.get(kind, 0)) for it in several))
        for kind in kinds
    ]
    if len(sums) > TYPES:
        rest = tuple(float(it.deeds - sum(it.by_type.get(k, 0) for k in kinds)) for it in several)
        series.append(charts.Series(t("reports.other"), rest))
    drawn = []
    if several:
        drawn.append(charts.stacked_bars(charts.Chart(
            name="work", title=t("reports.work.title"), description=t("reports.work.chart"),
            label_name=t("reports.worker"), numbers=t("plans.numbers"),
            labels=tuple(it.worker for it in several), series=tuple(series), shown=number,
        )))  # fmt: skip
    return Sheet(columns, rows, drawn)
