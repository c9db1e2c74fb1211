"""The TFLite runtime and the registry of model files and their cards."""
