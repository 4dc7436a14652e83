"""What is on disk: movies, metadata, camera maps, results, and where things go."""
