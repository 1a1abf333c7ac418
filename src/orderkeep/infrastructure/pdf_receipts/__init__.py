"""Receipts as PDF, laid out by typst."""

from orderkeep.infrastructure.pdf_receipts.renderer import PdfReceipts

__all__ = ["PdfReceipts"]
