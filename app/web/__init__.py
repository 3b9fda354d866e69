"""HTTP: pages and the API. Nothing imports this room."""
