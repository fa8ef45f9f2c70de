"""The bundle: documents to exact bytes, writer, reader."""
