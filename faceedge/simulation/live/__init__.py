"""A recorded or simulated person in real time: radar, event camera and camera from one moment on, in step."""
