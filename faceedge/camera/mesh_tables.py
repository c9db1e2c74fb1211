"""Which of the 468 mesh points is what.

The numbering is that of MediaPipe's face mesh (Kartynnik et al., "Real-time Facial Surface Geometry from Monocular
Video on Mobile GPUs", 2019). Left and right are the person's own throughout.
"""

from __future__ import annotations

MESH_POINTS = 468

RIGHT_EYE_OUTER, RIGHT_EYE_INNER = 33, 133
LEFT_EYE_OUTER, LEFT_EYE_INNER = 263, 362
SELLION = 168
NOSE_TIP = 4
CHIN = 152
MOUTH_RIGHT, MOUTH_LEFT = 61, 291
UPPER_LIP_INNER, LOWER_LIP_INNER = 13, 14

# Outline of the lids, from the outer corner along the upper lid and back along the lower lid.
RIGHT_EYE_CONTOUR = (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7)
LEFT_EYE_CONTOUR = (263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249)

# The 68 points of the iBUG / dlib scheme, which hri_msgs/FacialLandmarks and OpenPose's face model number alike. The
# mesh has no point at some of them; then the nearest one is taken. Points 68 and 69 of the message are the pupils,
# which this mesh does not have: they are computed from the eyes' outlines.
REP155_FROM_MESH = (
    # 0 to 16: outline of the face from the right ear over the chin (8) to the left ear
    *(127, 234, 93, 132, 58, 172, 150, 176, 152, 400, 379, 397, 288, 361, 323, 454, 356),
    # 17 to 21: right eyebrow from its outer end; 22 to 26: left eyebrow from its inner end
    *(70, 63, 105, 66, 107),
    *(336, 296, 334, 293, 300),
    # 27 to 30: bridge of the nose from the sellion to the tip; 31 to 35: its base from right to left
    *(168, 197, 5, 4),
    *(98, 97, 2, 326, 327),
    # 36 to 41: right eye, 42 to 47: left eye, each from the image's left corner along the upper lid
    *(33, 160, 158, 133, 153, 144),
    *(362, 385, 387, 263, 373, 380),
    # 48 to 59: outer lips from the right corner along the upper lip; 60 to 67: inner lips likewise
    *(61, 40, 37, 0, 267, 270, 291, 321, 314, 17, 84, 91),
    *(78, 81, 13, 311, 308, 402, 14, 178),
)
