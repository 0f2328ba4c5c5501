"""TensorFlow starts as the pipeline starts it, before a test module imports it."""

from pipeline.frame.tensorflow import load_tensorflow

load_tensorflow()
