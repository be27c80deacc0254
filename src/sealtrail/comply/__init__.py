"""What a framework asks, what the record answers: checks, verdicts, and the report an auditor is handed.

Pure but for its edge, `library`, which reads the packs and templates that come with the package. A check
gets answers and facts, never a file, so a report of the same checkpoints is the same report.
"""
