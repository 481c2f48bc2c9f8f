"""Where replicas run. One interface (`engine.py`), one folder an engine."""
