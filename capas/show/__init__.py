"""What lessons show: figures, tables, files, in one visual language (`style`)."""

from capas.show.source import Source
from capas.show.table import Table, doctor_table

__all__ = ["Source", "Table", "doctor_table"]
