"""What a synthetic person does: expressions, head, gaze, breath and pulse as functions of time, with their truth."""
