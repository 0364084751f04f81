"""Tests in a real browser: headless Chromium with a clip for its camera, over loopback only."""
