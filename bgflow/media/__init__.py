"""Video, sound and pictures in and out, through FFmpeg and Pillow."""
