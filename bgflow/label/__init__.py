"""The labelling tool: masks for a folder of pictures, drawn in a browser."""
