"""What SQLAlchemy changes in a database: `capture_changes(engine)` records it once it is committed."""

from sealtrail.sqlalchemy.changes import Capture, capture_changes

__all__ = ["Capture", "capture_changes"]
