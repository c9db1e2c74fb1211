"""Camera sources, and where the faces in their frames are: detection, tracking, landmarks and head pose."""
