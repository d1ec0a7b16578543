"""Problems as people and tools read them; one module for each format."""
