"""The page, its signalling and the WebRTC ends of a run."""
