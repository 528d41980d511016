"""What workers are told, by key, in their language. `docs/devices.md` lists the keys.

A message is one short sentence that says what is wrong and, where there is one, what to do.
Another language is one more column; a test holds every key to every language.
"""

from __future__ import annotations

from typing import Final

MESSAGES: Final[dict[str, dict[str, str]]] = {
    "accepted": {"en": "{item}: {quantity} recorded", "zh": "{item}：已记录 {quantity}"},
    "looked_up": {"en": "{item}", "zh": "{item}"},
    "malformed": {"en": "Message not understood: {reason}", "zh": "无法识别的消息：{reason}"},
    "symbol_refused": {"en": "Bad barcode: {reason}", "zh": "条码错误：{reason}"},
    "location": {"en": "Location {id}", "zh": "货位 {id}"},
    "container": {"en": "Container {id}", "zh": "容器 {id}"},
    "worker": {"en": "Worker {id}", "zh": "员工 {id}"},
    "document": {"en": "Document {id}", "zh": "单据 {id}"},
    "logistic_unit": {"en": "Logistic unit {id}", "zh": "物流单元 {id}"},
    "label_not_goods": {
        "en": "{label} is not goods: scan the product",
        "zh": "{label}不是商品：请扫描商品条码",
    },
    "not_a_product": {"en": "This is not a product barcode", "zh": "这不是商品条码"},
    "unknown_item": {
        "en": "Unknown item {item}: recorded, tell your supervisor",
        "zh": "未知商品 {item}：已记录，请告知主管",
    },
    "unknown_document": {
        "en": "Unknown document {document}: recorded, tell your supervisor",
        "zh": "未知单据 {document}：已记录，请告知主管",
    },
    "lot_expired": {
        "en": "Lot {lot} expired on {expiry}: put it aside",
        "zh": "批次 {lot} 已于 {expiry} 过期：请隔离",
    },
    "expiry_conflict": {
        "en": "Lot {lot} is known with expiry {expiry}: tell your supervisor",
        "zh": "批次 {lot} 已登记的有效期为 {expiry}：请告知主管",
    },
    "location_missing": {"en": "Scan or choose the location first", "zh": "请先扫描或选择货位"},
    "quantity_refused": {
        "en": "Quantity {quantity} is not possible",
        "zh": "数量 {quantity} 无效",
    },
    "document_missing": {"en": "Choose the order or document first", "zh": "请先选择订单或单据"},
}


def message(key: str, language: str, **values: object) -> str:
    """The sentence for `key`; English where the language has none."""
    translations = MESSAGES[key]
    return translations.get(language, translations["en"]).format(**values)
